import { test as base, type Browser, type BrowserContext, type BrowserContextOptions, expect, type Page } from '@playwright/test'
import { Api, password } from './api'
import { type House, Server, type Settings } from './server'

export { expect, password }
export type { Api, BrowserContext, Page }

/** One server and the browsers of the people who talk over it. */
export class World {
  readonly server: Server
  private readonly browser: Browser
  private readonly options: BrowserContextOptions
  private readonly contexts: BrowserContext[] = []
  private readonly expected: RegExp[] = []
  private readonly faults: string[] = []

  constructor(server: Server, browser: Browser, options: BrowserContextOptions) {
    this.server = server
    this.browser = browser
    this.options = options
  }

  /** Registers somebody; the first one names the server, and with it its first room. */
  register(username: string, displayName = username, serverName = 'Harbour'): Promise<Api> {
    const first = this.people++ === 0
    return Api.register(this.server.url, username, displayName, first ? serverName : undefined)
  }
  private people = 0

  /** A browser of its own, in which nobody is signed in. */
  async stranger(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ ...this.options, baseURL: this.server.url, ...options })
    this.contexts.push(context)
    context.on('console', (message) => {
      if (message.type() === 'error') this.fault(`console: ${message.text()} (${message.location().url})`)
    })
    context.on('weberror', (error) => this.fault(`uncaught: ${error.error().stack ?? error.error().message}`))
    return context.newPage()
  }

  /** A browser of its own in which the person is signed in, at `path`. */
  async open(who: Api, path = '/', options: BrowserContextOptions = {}): Promise<Page> {
    const known = { name: 'parley.user', value: JSON.stringify(who.user) }
    const page = await this.stranger({ storageState: { cookies: [], origins: [{ origin: this.server.url, localStorage: [known] }] }, ...options })
    const login = await page.request.post('/api/v1/auth/login', { data: { username: who.username, password }, headers: { Origin: this.server.url } })
    expect(login.ok(), 'log-in').toBe(true)
    await page.goto(path)
    return page
  }

  /** Lets the browser complain of something that the story brings about, such as a server that is gone. */
  expectTrouble(...patterns: RegExp[]): void {
    this.expected.push(...patterns)
  }

  async close(): Promise<string[]> {
    await Promise.all(this.contexts.map((context) => context.close()))
    return this.faults
  }

  private fault(text: string): void {
    if (!this.expected.some((pattern) => pattern.test(text))) this.faults.push(text)
  }
}

/** `test` with a world: a fresh server each; errors in any browser's console fail the test. */
export const test = base.extend<{ house: House; settings: Settings; world: World; narrow: boolean }>({
  house: ['machine', { option: true }],
  settings: [{}, { option: true }],
  world: async ({ browser, house, settings, contextOptions, viewport, hasTouch, isMobile, deviceScaleFactor, locale, timezoneId }, use) => {
    const options = { ...contextOptions, viewport, hasTouch, isMobile, locale, timezoneId, ...(deviceScaleFactor && { deviceScaleFactor }) }
    const server = await Server.start(house, settings)
    const world = new World(server, browser, options)
    try {
      await use(world)
      expect(await world.close(), 'errors in the browsers').toEqual([])
    } finally {
      await world.close()
      await server.stop()
    }
  },
  /** True where only one column fits. */
  narrow: async ({ viewport }, use) => use((viewport?.width ?? 1280) < 768),
})
