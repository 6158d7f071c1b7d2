import { expect, type Locator, type Page } from '@playwright/test'

/** The parts of the app that every story touches, by the names that people and screen readers know them by. */
export class Chat {
  readonly page: Page
  readonly list: Locator
  readonly box: Locator
  readonly rooms: Locator
  readonly trouble: Locator

  constructor(page: Page) {
    this.page = page
    this.list = page.getByTestId('message-list')
    this.box = page.getByTestId('composer').locator('textarea')
    this.rooms = page.getByTestId('room-list')
    this.trouble = page.getByTestId('connection-state')
  }

  /** The entry of a room or a direct conversation in the list. */
  entry(name: string): Locator {
    return this.rooms.getByRole('link').filter({ has: this.page.getByText(name, { exact: true }) })
  }

  /** The message that says this, word by word. */
  message(text: string): Locator {
    return this.list.locator('article').filter({ has: this.page.locator('.prose', { hasText: exactly(text) }) })
  }

  /** Goes to the list of rooms, which is a page of its own on the phone. */
  async toRooms(): Promise<void> {
    const back = this.page.getByRole('link', { name: 'Back to the rooms' })
    await expect(back.or(this.rooms).filter({ visible: true }).first()).toBeVisible()
    if (!await this.rooms.isVisible()) await back.click()
    await expect(this.rooms).toBeVisible()
  }

  async enter(name: string): Promise<void> {
    await this.toRooms()
    await this.entry(name).click()
    await expect(this.heading(name)).toBeVisible()
    await expect(this.box).toBeVisible()
  }

  heading(name: string): Locator {
    return this.page.getByRole('heading', { level: 1, name, exact: true })
  }

  /** Types a message and sends it with Enter. */
  async say(text: string): Promise<void> {
    await this.box.fill(text)
    await this.box.press('Enter')
    await expect(this.box).toHaveValue('')
  }

  /** Waits until the socket is there and has caught up: what follows is live. */
  async live(): Promise<void> {
    await expect(this.page.getByTestId('chat')).toHaveAttribute('data-connection', 'open')
    await expect(this.list).toBeVisible()
  }

  /** Opens the actions of a message: the menu on the desktop, the sheet after a long press on the phone. */
  async act(text: string, action: string): Promise<void> {
    const message = this.message(text)
    if (await this.page.evaluate(() => matchMedia('(pointer: coarse)').matches)) {
      await longPress(message.locator('.prose'))
      await this.page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click()
      return
    }
    await message.hover()
    await message.getByRole('button', { name: 'More actions' }).click()
    await this.page.getByRole('menuitem', { name: action, exact: true }).click()
  }

  async openAccount(): Promise<void> {
    await this.toRooms()
    await this.page.getByRole('button', { name: 'Account menu' }).click()
  }

  async logout(): Promise<void> {
    await this.openAccount()
    await this.page.getByRole('menuitem', { name: 'Log out' }).click()
    await expect(this.page.getByRole('button', { name: 'Log in', exact: true })).toBeVisible()
  }

  /**
   * What the conversation shows from its beginning to its end, read by scrolling through it as a person would: the text
   * of each message in the order of the screen.
   */
  async shown(): Promise<string[]> {
    await expect(this.list).toHaveAttribute('aria-busy', 'false')
    await this.list.evaluate(settle)
    const all = await this.list.evaluate(async (list) => {
      const frames = async (count: number) => { for (; count > 0; count--) await new Promise(requestAnimationFrame) }
      const look = () => [...list.querySelectorAll('article')].map((article) => {
        const body = article.querySelector<HTMLElement>('.prose')
        return { key: article.dataset.key ?? '', text: body?.innerText.trim() ?? '', top: article.getBoundingClientRect().top }
      }).sort((a, b) => a.top - b.top)
      list.scrollTop = list.scrollHeight
      await frames(4)
      let seen = look()
      for (let still = 0, turn = 0; still < 3; turn++) {
        if (turn > 500) throw new Error('the list never came to its beginning')
        list.scrollTop -= list.clientHeight / 2
        await frames(4)
        const now = look()
        const meet = now.findIndex((message) => message.key === seen[0]?.key)
        if (meet > 0) seen = [...now.slice(0, meet), ...seen]
        else if (meet < 0) throw new Error('the list lost its place while it was read')
        still = list.scrollTop <= 0 && list.getAttribute('aria-busy') === 'false' ? still + 1 : 0
      }
      list.scrollTop = list.scrollHeight
      return seen
    })
    expect(new Set(all.map((message) => message.key)).size, 'each message stands there once').toBe(all.length)
    return all.map((message) => message.text)
  }
}

/** Waits until a list has stood still for a while. */
export async function settle(list: HTMLElement | SVGElement): Promise<void> {
  let before = ''
  for (let still = 0; still < 8;) {
    await new Promise(requestAnimationFrame)
    const now = `${list.scrollTop} ${list.scrollHeight}`
    still = now === before ? still + 1 : 0
    before = now
  }
}

/** Rests a finger on an element. */
export async function longPress(target: Locator): Promise<void> {
  const box = (await target.boundingBox())!
  const session = await target.page().context().newCDPSession(target.page())
  const point = { x: box.x + Math.min(20, box.width / 2), y: box.y + box.height / 2 }
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [point] })
  await expect(target.page().getByRole('dialog')).toBeVisible()
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await session.detach()
}

function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`)
}
