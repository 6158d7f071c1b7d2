import { Chat, settle } from './support/chat'
import { type Api, expect, test } from './support/test'

const count = 3_000

/** Fills a room with messages of very different heights. */
async function fill(who: Api, roomId: string): Promise<void> {
  const text = (i: number) => `entry ${i}` + (i % 7 === 0 ? `\n\n${'tide and wind and weather '.repeat(i % 5 * 6 + 1)}` : '') + (i % 31 === 0 ? '\n```\none\ntwo\nthree\n```' : '')
  // Within one author's line order does not matter here, so many at a time.
  const lanes = Array.from({ length: 32 }, async (_, lane) => {
    for (let i = lane; i < count; i += 32) await who.send(roomId, text(i))
  })
  await Promise.all(lanes)
}

test('three thousand messages are read page by page without a jump, and a reload keeps the place', async ({ world }) => {
  test.slow()
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  await fill(anna, roomId)
  const stored = await anna.history(roomId)
  expect(stored).toHaveLength(count)

  const chat = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const { page, list } = chat
  await expect(list.locator('article').last()).toBeInViewport()
  const nodes = () => list.locator('article').count()
  let most = await nodes()

  // Older pages come only when the test lets them, so that what moves can only have been moved by their coming.
  let release = () => {}
  await page.route('**/messages?*before=*', async (route) => {
    await new Promise<void>((resolve) => { release = resolve })
    await route.continue()
  })
  for (let turn = 0; turn < 6; turn++) {
    await list.hover()
    for (let i = 0; i < 80 && await list.getAttribute('aria-busy') !== 'true'; i++) {
      await page.mouse.wheel(0, -700)
      await page.waitForTimeout(30)
    }
    await expect(list).toHaveAttribute('aria-busy', 'true')
    await list.evaluate(settle)
    const before = await list.evaluate(place)
    const watching = list.evaluate(watch, before.key)
    await page.waitForTimeout(100)
    release()
    const moved = await watching
    expect(moved.pages, 'a page came').toBe(1)
    expect(moved.most, `turn ${turn}: pixels that the message moved while a page came`).toBeLessThanOrEqual(2)
    most = Math.max(most, await nodes())
  }
  await page.unroute('**/messages?*before=*')
  release()

  await test.step('to the very beginning', async () => {
    for (let i = 0; i < 400 && await list.getByText('This is the beginning of Harbour.').count() === 0; i++) {
      await list.evaluate((element) => { element.scrollTop -= element.clientHeight * 3 })
      await expect(list).toHaveAttribute('aria-busy', 'false')
      if (i % 8 === 0) most = Math.max(most, await nodes())
    }
    await expect(list.getByText('This is the beginning of Harbour.')).toBeVisible()
    await expect(list.locator('article').first()).toContainText(stored[0]!.content.split('\n')[0]!)
  })
  expect(most, 'message nodes in the document').toBeLessThan(300)

  await test.step('a reload keeps the place', async () => {
    await list.evaluate((element) => { element.scrollTop += 900 })
    await list.evaluate(settle)
    const before = await list.evaluate(place)
    await page.reload()
    await expect(list.locator('article').first()).toBeVisible()
    await list.evaluate(settle)
    const after = (await list.locator(`article[data-key="${before.key}"]`).boundingBox())?.y
    expect(Math.abs((after ?? Infinity) - before.y), 'pixels that the topmost message moved').toBeLessThanOrEqual(4)
  })
})

/** The first message that stands whole on the screen. */
function place(list: HTMLElement | SVGElement): { key: string; y: number } {
  const edge = list.getBoundingClientRect().top
  const all = [...list.querySelectorAll<HTMLElement>('article')].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
  const found = all.find((article) => article.getBoundingClientRect().top >= edge)!
  return { key: found.dataset.key!, y: found.getBoundingClientRect().top }
}

/** Watches a message after each painted frame until a page has come and all is still; answers how far it ever moved. */
async function watch(list: HTMLElement | SVGElement, key: string): Promise<{ most: number; pages: number }> {
  const top = () => list.querySelector(`article[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().top ?? Infinity
  const painted = () => new Promise<void>((resolve) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => resolve()
      port2.postMessage(0)
    })
  })
  const start = top()
  let [most, pages, still, height] = [0, 0, 0, list.scrollHeight]
  for (const deadline = performance.now() + 20_000; still < 15 && performance.now() < deadline;) {
    await painted()
    most = Math.max(most, Math.abs(top() - start))
    if (list.getAttribute('aria-busy') === 'true') continue
    pages = 1
    still = list.scrollHeight === height ? still + 1 : 0
    height = list.scrollHeight
  }
  return { most, pages }
}
