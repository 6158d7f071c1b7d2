import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('the server is killed while both write, comes back on the same data, and nothing is lost, doubled or out of order', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await annas.live()
  await bens.live()
  world.expectTrouble(/net::ERR_/, /WebSocket connection .* failed/)

  const count = 24
  const said = (who: string) => Array.from({ length: count }, (_, i) => `${who} ${i}`)
  const talk = async (chat: Chat, who: string, at: (i: number) => Promise<void>) => {
    for (const [i, text] of said(who).entries()) {
      await chat.say(text)
      await at(i)
    }
  }
  let back: Promise<void> | undefined
  await Promise.all([
    talk(bens, 'ben', async () => {}),
    talk(annas, 'anna', async (i) => {
      // Twice: once in the middle of what is being sent, and once more while browsers are still coming back.
      if (i !== 7 && i !== 15) return
      await back
      await world.server.kill()
      back = new Promise((resolve) => { setTimeout(resolve, 1_500) }).then(() => world.server.restart())
    }),
  ])
  await back

  for (const chat of [annas, bens]) {
    await expect(chat.trouble).toHaveCount(0, { timeout: 60_000 })
    await expect(chat.list.locator('[data-state="waiting"], [data-state="sending"]')).toHaveCount(0, { timeout: 30_000 })
  }
  await expect(annas.message(`ben ${count - 1}`)).toBeVisible()
  await expect(bens.message(`anna ${count - 1}`)).toBeVisible()

  const stored = (await anna.history(roomId)).map((message) => message.content)
  expect([...stored].sort()).toEqual([...said('anna'), ...said('ben')].sort())
  for (const who of ['anna', 'ben']) expect(stored.filter((text) => text.startsWith(who)), `the order of ${who}`).toEqual(said(who))
  expect(await annas.shown()).toEqual(stored)
  expect(await bens.shown()).toEqual(stored)
  for (const chat of [annas, bens]) {
    await chat.page.reload()
    await expect(chat.list).toBeVisible()
    expect(await chat.shown()).toEqual(stored)
  }
})
