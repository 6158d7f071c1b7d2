import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('two tabs of one person show the same, and each message goes out once', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const path = `/rooms/${harbour!.roomId}`
  const first = new Chat(await world.open(anna, path))
  const second = new Chat(await first.page.context().newPage())
  await second.page.goto(path)
  await second.live()

  await first.say('from the first')
  await second.say('from the second')
  for (const chat of [first, second]) {
    await expect(chat.message('from the first')).toHaveAttribute('data-state', 'sent')
    await expect(chat.message('from the second')).toHaveAttribute('data-state', 'sent')
  }

  world.expectTrouble(/net::ERR_INTERNET_DISCONNECTED/, /WebSocket connection .* failed/)
  const context = first.page.context()
  await context.setOffline(true)
  await expect(first.trouble).toContainText('You are offline')
  await first.say('waited in the first')
  await second.say('waited in the second')
  // Both tabs share what waits.
  await expect(first.message('waited in the second')).toHaveAttribute('data-state', 'waiting')
  await expect(second.message('waited in the first')).toHaveAttribute('data-state', 'waiting')
  await expect(second.trouble).toContainText('2 messages waiting')
  await context.setOffline(false)
  for (const chat of [first, second]) {
    await expect(chat.trouble).toHaveCount(0, { timeout: 30_000 })
    await expect(chat.list.locator('[data-state="waiting"], [data-state="sending"]')).toHaveCount(0)
  }
  const stored = (await anna.history(harbour!.roomId)).map((message) => message.content)
  expect(stored).toEqual(['from the first', 'from the second', 'waited in the first', 'waited in the second'])
  await expect.poll(() => first.shown()).toEqual(stored)
  await expect.poll(() => second.shown()).toEqual(stored)
})

test('two tabs renew the session at the same moment and stay signed in; signing out in one signs out both', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const path = `/rooms/${harbour!.roomId}`
  const first = new Chat(await world.open(anna, path))
  const second = new Chat(await first.page.context().newPage())
  await second.page.goto(path)
  await second.live()
  const renewals: number[] = []
  first.page.context().on('response', (response) => {
    if (response.url().endsWith('/auth/refresh')) renewals.push(response.status())
  })
  for (let round = 0; round < 4; round++) {
    await Promise.all([first.page.reload(), second.page.reload()])
    await Promise.all([first.live(), second.live()])
  }
  expect(renewals.length).toBeGreaterThanOrEqual(8)
  expect(new Set(renewals)).toEqual(new Set([200]))
  await first.say('still here')
  await expect(second.message('still here')).toBeVisible()

  // The other tab may ask for a new token before it hears why its socket was closed.
  world.expectTrouble(/status of 401.*auth\/refresh/)
  await first.logout()
  await expect(second.page.getByRole('button', { name: 'Log in', exact: true })).toBeVisible()
  expect(await second.page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
})
