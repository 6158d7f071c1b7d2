import { readFileSync } from 'node:fs'
import { Chat, longPress } from './support/chat'
import { encodePng } from './support/png'
import { type Api, expect, type Page, test, type World } from './support/test'

// The AWS house: the true functions, with AWS emulated in front of them. Their processes start when they are needed.
test.use({ house: 'aws' })
test.describe.configure({ mode: 'serial', timeout: 600_000 })

const slow = { timeout: 60_000 }
const live = (chat: Chat) => expect(chat.page.getByTestId('chat')).toHaveAttribute('data-connection', 'open', slow)

/** Anna and Ben in the room Harbour, each in a browser of their own, and all that they say. */
async function two(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await Promise.all([live(annas), live(bens)])
  const said: string[] = []
  const say = async (from: Chat, text: string) => {
    await from.say(text)
    said.push(text)
  }
  /** Everybody sees all of it, each message once, in the order of the store, and nothing is left to send. */
  const same = async () => {
    for (const chat of [annas, bens]) {
      await expect(chat.message(said.at(-1)!)).toBeVisible(slow)
      await expect(chat.list.locator('[data-state="sending"], [data-state="waiting"], [data-state="failed"]')).toHaveCount(0, slow)
    }
    const stored = await history(anna, roomId)
    expect(stored.toSorted()).toEqual(said.toSorted())
    for (const chat of [annas, bens]) await expect.poll(() => chat.shown(), slow).toEqual(stored)
    return stored
  }
  return { anna, ben, annas, bens, roomId, said, say, same }
}

const history = async (who: Api, roomId: string) => (await who.history(roomId)).map((message) => message.content)

test('on AWS two people talk, react, send files, come and go, lose their connections and reload: nothing is lost, doubled or out of order', async ({ world, narrow }) => {
  const { ben, annas, bens, said, say, same } = await two(world)
  const reaction = annas.message('anna 3').getByTestId('reactions').getByRole('button', { name: /1 reaction: Ben Okafor/ })

  await test.step('both talk, and hear each other live', async () => {
    for (let turn = 0; turn < 4; turn++) {
      await say(annas, `anna ${turn}`)
      await expect(bens.message(`anna ${turn}`)).toBeVisible(slow)
      await say(bens, `ben ${turn}`)
      await expect(annas.message(`ben ${turn}`)).toBeVisible(slow)
    }
    expect(await same()).toEqual(said)
  })

  await test.step('a reaction is seen by the other', async () => {
    if (narrow) {
      await longPress(bens.message('anna 3').locator('.prose'))
      await bens.page.getByRole('dialog').getByRole('button', { name: 'React with 👍' }).tap()
    } else {
      await bens.message('anna 3').hover()
      await bens.page.getByRole('toolbar').getByRole('button', { name: 'React with 👍' }).click()
      await bens.page.mouse.move(0, 0)
    }
    await expect(reaction).toBeVisible(slow)
  })

  await test.step('a picture and a text go to the bucket and come back', async () => {
    const sea = encodePng(480, 320, [[20, 140, 120], [240, 230, 210]], (x, y) => (Math.floor(x / 40) + Math.floor(y / 40)) % 2)
    await annas.page.getByTestId('files').setInputFiles([
      { name: 'sea.png', mimeType: 'image/png', buffer: sea },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Tide at nine.\n') },
    ])
    const chips = annas.page.getByTestId('composer').getByTestId('uploads').getByRole('listitem')
    for (let i = 0; i < 2; i++) await expect(chips.nth(i)).toHaveAttribute('data-state', 'done', slow)
    await say(annas, 'From the coast')
    await hasFiles(bens)
    const download = bens.page.waitForEvent('download')
    await bens.message('From the coast').getByRole('button', { name: 'Download notes.txt' }).click()
    expect(readFileSync(await (await download).path(), 'utf8')).toBe('Tide at nine.\n')
  })

  await test.step('one loses the connection; what both say meanwhile arrives once', async () => {
    world.expectTrouble(/net::ERR_(INTERNET_DISCONNECTED|FAILED|NETWORK_CHANGED)/, /WebSocket connection .* failed/)
    await annas.page.context().setOffline(true)
    await expect(annas.trouble).toContainText('You are offline')
    await say(annas, 'anna in the tunnel 1')
    await say(annas, 'anna in the tunnel 2')
    for (let i = 0; i < 3; i++) await say(bens, `ben outside ${i}`)
    await expect(bens.list.locator('[data-state="sending"], [data-state="waiting"]')).toHaveCount(0, slow)
    await expect(bens.message('anna in the tunnel 1')).toHaveCount(0)
    await expect(annas.message('ben outside 0')).toHaveCount(0)
    await annas.page.context().setOffline(false)
    await live(annas)
    await expect(bens.message('anna in the tunnel 2')).toBeVisible(slow)
    const stored = await same()
    expect(stored.slice(-5)).toEqual(['ben outside 0', 'ben outside 1', 'ben outside 2', 'anna in the tunnel 1', 'anna in the tunnel 2'])
  })

  await test.step('after a reload all is there, and they still hear each other', async () => {
    await Promise.all([annas.page.reload(), bens.page.reload()])
    await Promise.all([live(annas), live(bens)])
    await same()
    await expect(reaction).toBeVisible(slow)
    await hasFiles(annas)
    await hasFiles(bens)
    await say(annas, 'good night')
    await expect(bens.message('good night')).toBeVisible(slow)
    await say(bens, 'good night, Anna')
    await expect(annas.message('good night, Anna')).toBeVisible(slow)
    await same()
  })

  await test.step('who goes is seen to go, and who comes back to come', async () => {
    await annas.page.getByRole('button', { name: 'Details and members' }).click()
    const row = annas.page.getByRole('listitem').filter({ hasText: 'Ben Okafor' }).filter({ hasText: /online|last seen/ })
    await expect(row).toContainText('online', slow)
    await bens.page.context().close()
    await expect(row).toContainText('last seen', slow)
    await expect(row).not.toContainText('online')
    await world.open(ben)
    await expect(row).toContainText('online', slow)
  })
})

/** The message with files shows its picture, and the other file by name. */
async function hasFiles(chat: Chat) {
  const message = chat.message('From the coast')
  await expect(message.getByRole('button', { name: /^View / }).getByRole('img', { name: 'sea.png' })).toHaveJSProperty('complete', true, slow)
  await expect(message.getByText('notes.txt')).toBeVisible(slow)
}

test.describe('with sockets that are said to live 20 seconds', () => {
  // They live longer, for the time that a busy machine needs to open the next one: of two hours it would be minutes.
  test.use({ settings: { PARLEY_SOCKET_LIFE: '20s', DEVAWS_SOCKET_LATE: '20s' } })

  test('on AWS the next socket takes over before the first one ends: nobody is ever cut off, and nothing is missed or doubled', async ({ world, narrow }) => {
    test.skip(narrow, 'as on the desktop')
    const { annas, bens, said, say, same } = await two(world)
    const sockets = [annas, bens].map((chat) => counted(chat.page))
    const states = await Promise.all([annas, bens].map((chat) => watched(chat.page)))
    for (let i = 0; sockets.some((opened) => opened() < 2) || i % 10 > 0; i++) {
      await say(i % 2 > 0 ? annas : bens, `word ${i}`)
      await annas.page.waitForTimeout(250)
    }
    expect(await same()).toEqual(said)
    for (const state of states) expect(await state()).toEqual([])
  })
})

/** Counts the sockets that a page opens from now on. */
function counted(page: Page) {
  let opened = 0
  page.on('websocket', () => opened++)
  return () => opened
}

/** Notes what a page's connection is from now on, whenever that is not open. */
async function watched(page: Page) {
  const states = await page.getByTestId('chat').evaluateHandle((chat) => {
    const seen: string[] = []
    const look = () => { if (chat.getAttribute('data-connection') !== 'open') seen.push(chat.getAttribute('data-connection') ?? '') }
    new MutationObserver(look).observe(chat, { attributes: true, attributeFilter: ['data-connection'] })
    return seen
  })
  return () => states.jsonValue()
}
