import { Chat, longPress } from './support/chat'
import { expect, type Page, test } from './support/test'

test('one column, the way back, and the composer always in sight', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  for (let i = 0; i < 40; i++) await ben.send(harbour!.roomId, `harbour log ${i}`)
  const page = await world.open(anna, '/')
  const chat = new Chat(page)
  await expect(chat.rooms).toBeVisible()
  await expect(page.locator('#main')).toBeHidden()
  await chat.entry('Harbour').tap()
  await expect(chat.rooms).toBeHidden()
  await expect(chat.box).toBeInViewport({ ratio: 1 })
  await expect(chat.message('harbour log 0')).toBeVisible()
  await expect(page.getByTestId('new-line')).toBeInViewport()
  await page.getByTitle('Jump to the newest message').tap()
  await expect(chat.message('harbour log 39')).toBeInViewport()
  expect(await sideways(page)).toBe(0)

  await chat.box.tap()
  await chat.say(`A long one ${'that must not push anything aside '.repeat(4)}https://example.org/${'x'.repeat(200)}`)
  await expect(chat.list.locator('article').last()).toContainText('A long one')
  expect(await sideways(page)).toBe(0)
  await chat.box.fill('one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\nthirteen\nfourteen\nfifteen')
  await expect(chat.box).toBeInViewport({ ratio: 1 })
  expect((await chat.box.boundingBox())!.height).toBeLessThanOrEqual(844 / 3 + 1)
  await expect(chat.list.locator('article').last()).toBeInViewport()
  await chat.box.fill('')

  await page.getByRole('button', { name: 'Details and members' }).tap()
  await expect(page.getByRole('complementary')).toBeInViewport({ ratio: 1 })
  expect((await page.getByRole('complementary').boundingBox())!.width).toBe(390)
  await page.getByRole('button', { name: 'Close the details' }).tap()
  await page.getByRole('link', { name: 'Back to the rooms' }).tap()
  await expect(chat.rooms).toBeVisible()
  await page.goBack()
  await expect(chat.box).toBeVisible()
})

test('what one taps is at least 44 pixels wide and high', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const question = await ben.send(harbour!.roomId, 'Who has the key? https://example.org')
  await anna.send(harbour!.roomId, 'Not me.', question.messageId)
  await ben.createRoom('public', 'garden')
  const stranger = await world.stranger()
  for (const path of ['/login', '/register']) {
    await stranger.goto(path)
    await expect(stranger.getByRole('button').first()).toBeVisible()
    expect.soft(await small(stranger), path).toEqual([])
  }
  const page = await world.open(anna, '/')
  const chat = new Chat(page)
  await expect(chat.entry('Harbour')).toBeVisible()
  expect.soft(await small(page), 'rooms').toEqual([])
  await page.getByRole('button', { name: 'Account menu' }).tap()
  await expect(page.getByRole('menu')).toBeVisible()
  expect.soft(await small(page), 'account menu').toEqual([])
  await page.keyboard.press('Escape')
  for (const name of ['New room', 'New direct message', 'Go to…']) {
    await page.getByRole('button', { name }).first().tap()
    await expect(page.getByRole('dialog')).toBeVisible()
    expect.soft(await small(page), name).toEqual([])
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
  }
  await page.goto('/rooms')
  await expect(page.getByRole('button', { name: 'Join garden' })).toBeVisible()
  expect.soft(await small(page), 'browse').toEqual([])
  await page.goto('/settings')
  await expect(page.getByText('This device', { exact: true })).toBeVisible()
  expect.soft(await small(page), 'settings').toEqual([])
  await page.goto(`/rooms/${harbour!.roomId}`)
  await expect(chat.message('Not me.')).toBeVisible()
  expect.soft(await small(page), 'room').toEqual([])
  await page.getByRole('button', { name: 'Details and members' }).tap()
  await expect(page.getByRole('complementary')).toContainText('Ben Okafor')
  expect.soft(await small(page), 'details').toEqual([])
  await page.getByRole('button', { name: 'Close the details' }).tap()
  await longPress(chat.message('Not me.').locator('.prose'))
  expect.soft(await small(page), 'the sheet of a message').toEqual([])
})

/** How many pixels the page could be scrolled sideways. */
function sideways(page: Page): Promise<number> {
  return page.evaluate(() => Math.max(...[...document.querySelectorAll('*')]
    .filter((element) => element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowX))
    .filter((element) => element.tagName !== 'PRE' && !element.closest('.prose'))
    .map((element) => element.scrollWidth - element.clientWidth)))
}

/** The controls on screen that a finger could miss. Links within text and what only screen readers get are exempt; a checkbox is as large as its label. */
function small(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const controls = [...document.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea, [role=option], [role=menuitem], [role=switch]')]
    return controls.flatMap((control) => {
      const target = control.matches('[type=radio], [type=checkbox]') ? control.closest('label') ?? control : control
      const { width, height, left, top } = target.getBoundingClientRect()
      const style = getComputedStyle(target)
      const at = document.elementFromPoint(left + width / 2, top + height / 2)
      if (width <= 1 || height <= 1 || style.visibility === 'hidden' || !at || !(target.contains(at) || at.contains(target))) return []
      if (style.display === 'inline' || target.matches('p a')) return []
      return width >= 43.5 && height >= 43.5 ? [] : [`${Math.round(width)}×${Math.round(height)} ${target.outerHTML.slice(0, 140)}`]
    })
  })
}
