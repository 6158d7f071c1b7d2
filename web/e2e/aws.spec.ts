import { Chat } from './support/chat'
import { expect, test } from './support/test'

// The AWS house: the true functions, with AWS emulated in front of them. Their processes start when they are needed.
test.use({ house: 'aws' })
test.describe.configure({ mode: 'serial', timeout: 600_000 })

test('on AWS two people talk, react, lose their connections and reload: nothing is lost, doubled or out of order', async ({ world }) => {
  const slow = { timeout: 60_000 }
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  const live = (chat: Chat) => expect(chat.page.getByTestId('chat')).toHaveAttribute('data-connection', 'open', slow)
  await Promise.all([live(annas), live(bens)])
  const said: string[] = []
  const say = async (from: Chat, text: string) => {
    await from.say(text)
    said.push(text)
  }
  /** Everybody sees all of it, each message once, in the order of the store, and nothing is left to send. */
  const same = async (total: number) => {
    for (const chat of [annas, bens]) {
      await expect(chat.message(said.at(-1)!)).toBeVisible(slow)
      await expect(chat.list.locator('[data-state="sending"], [data-state="waiting"], [data-state="failed"]')).toHaveCount(0, slow)
    }
    const stored = (await anna.history(roomId)).map((message) => message.content)
    expect(stored).toHaveLength(total)
    expect(stored.toSorted()).toEqual(said.toSorted())
    for (const chat of [annas, bens]) await expect.poll(() => chat.shown(), slow).toEqual(stored)
    return stored
  }

  await test.step('both talk, and hear each other live', async () => {
    for (let turn = 0; turn < 4; turn++) {
      await say(annas, `anna ${turn}`)
      await expect(bens.message(`anna ${turn}`)).toBeVisible(slow)
      await say(bens, `ben ${turn}`)
      await expect(annas.message(`ben ${turn}`)).toBeVisible(slow)
    }
    expect(await same(8)).toEqual(said)
  })

  await test.step('a reaction is seen by the other', async () => {
    await bens.message('anna 3').hover()
    await bens.page.getByRole('toolbar').getByRole('button', { name: 'React with 👍' }).click()
    await bens.page.mouse.move(0, 0)
    await expect(annas.message('anna 3').getByTestId('reactions').getByRole('button', { name: /1 reaction: Ben Okafor/ })).toBeVisible(slow)
  })

  await test.step('one loses the connection; what both say meanwhile arrives once', async () => {
    world.expectTrouble(/net::ERR_(INTERNET_DISCONNECTED|FAILED|NETWORK_CHANGED)/, /WebSocket connection .* failed/)
    await annas.page.context().setOffline(true)
    await expect(annas.trouble).toContainText('You are offline.')
    await say(annas, 'anna in the tunnel 1')
    await say(annas, 'anna in the tunnel 2')
    for (let i = 0; i < 3; i++) await say(bens, `ben outside ${i}`)
    await expect(bens.list.locator('[data-state="sending"], [data-state="waiting"]')).toHaveCount(0, slow)
    await expect(bens.message('anna in the tunnel 1')).toHaveCount(0)
    await expect(annas.message('ben outside 0')).toHaveCount(0)
    await annas.page.context().setOffline(false)
    await live(annas)
    await expect(bens.message('anna in the tunnel 2')).toBeVisible(slow)
    const stored = await same(13)
    const outside = ['ben outside 0', 'ben outside 1', 'ben outside 2']
    expect(stored.slice(8)).toEqual([...outside, 'anna in the tunnel 1', 'anna in the tunnel 2'])
  })

  await test.step('after a reload all is there, and they still hear each other', async () => {
    await Promise.all([annas.page.reload(), bens.page.reload()])
    await Promise.all([live(annas), live(bens)])
    await same(13)
    await expect(annas.message('anna 3').getByTestId('reactions').getByRole('button', { name: /1 reaction: Ben Okafor/ })).toBeVisible(slow)
    await say(annas, 'good night')
    await expect(bens.message('good night')).toBeVisible(slow)
    await say(bens, 'good night, Anna')
    await expect(annas.message('good night, Anna')).toBeVisible(slow)
    await same(15)
  })
})
