import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Router } from 'vue-router'
import { browserLocale } from './i18n'
import { appPaths } from './paths'
import { followSession, makeRouter } from './router'
import { FakeServer } from './testing/fakeServer'
import { openTab, type Tab } from './testing/tab'
import { until } from './testing/until'

// Where one is led, not what is there: pages have tests of their own.
const { page } = vi.hoisted(() => ({ page: { default: { render: () => null } } }))
vi.mock('./pages/ChatPage.vue', () => page)
vi.mock('./pages/HomePage.vue', () => page)
vi.mock('./pages/RoomPage.vue', () => page)
vi.mock('./pages/LoginPage.vue', () => page)
vi.mock('./pages/RegisterPage.vue', () => page)
vi.mock('./pages/InvitePage.vue', () => page)
vi.mock('./pages/NotFoundPage.vue', () => page)

let server: FakeServer
let tab: Tab
let router: Router

beforeEach(() => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  server.addUser('ann')
  tab = openTab(server)
  router = makeRouter()
})
afterEach(() => {
  tab.close()
  vi.unstubAllGlobals()
})

async function at(path: string): Promise<string> {
  await router.push(path)
  return router.currentRoute.value.fullPath
}

describe('the way in', () => {
  it('leads to the log-in and remembers where one wanted to go', async () => {
    expect(await at('/rooms/r1?x=1')).toBe('/login?next=/rooms/r1?x=1')
    expect(await at('/')).toBe('/login')
  })

  it('leads to the setup while nobody is registered', async () => {
    server.users.clear()
    expect(await at('/')).toBe('/register')
  })

  it('lets everybody look at an invitation and at what is not there', async () => {
    expect(await at('/invite/abc')).toBe('/invite/abc')
    expect(await at('/no/such/page')).toBe('/no/such/page')
    expect(router.currentRoute.value.name).toBe('notFound')
  })

  it('lets those who are signed in through, and keeps them from the log-in', async () => {
    await tab.session.login('ann', 'secret')
    expect(await at('/rooms/r1?message=m1')).toBe('/rooms/r1?message=m1')
    expect(router.currentRoute.value.params).toEqual({ roomId: 'r1' })
    expect(await at('/login')).toBe('/')
  })

  it('leads out when the session ends, and back when it expired', async () => {
    await tab.signIn('ann')
    followSession(router)
    await at('/rooms/r1')
    server.cookie = null
    server.refuse = (request) => (request === 'POST /ws-tickets' ? { code: 'unauthenticated' } : undefined)
    server.disconnect()
    await until(() => expect(router.currentRoute.value.fullPath).toBe('/login?next=/rooms/r1'))
    server.refuse = () => undefined
    await tab.signIn('ann')
    await at('/rooms/r1')
    await tab.session.logout()
    await until(() => expect(router.currentRoute.value.fullPath).toBe('/login'))
  })
})

describe('browserLocale', () => {
  it('takes the first language that there is', () => {
    expect(browserLocale(['fr-FR', 'de-AT', 'en'])).toBe('de')
    expect(browserLocale(['en-GB', 'de'])).toBe('en')
    expect(browserLocale(['ja'])).toBe('en')
    expect(browserLocale([])).toBe('en')
  })
})

describe('the app without a network', () => {
  it('is kept for each of its places, and for nothing that the server answers itself', () => {
    const places = router.getRoutes().filter((route) => route.name && route.name !== 'notFound').map((route) => route.path.replace(/:\w+/g, 'x'))
    expect(places.length).toBeGreaterThan(5)
    for (const place of places) expect(place).toMatch(appPaths)
    for (const other of ['/api/v1/me', '/ws', '/files/avatars/x', '/docs', '/healthz', '/roomsx']) expect(other).not.toMatch(appPaths)
  })
})
