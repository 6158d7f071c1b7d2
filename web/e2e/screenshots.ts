import { writeFileSync } from 'node:fs'
import type { Message } from '../src/protocol/types'
import { desktop, phone } from './playwright.config'
import { Chat } from './support/chat'
import { reduced } from './support/png'
import { type Api, expect, type Page, test, type World } from './support/test'

const folder = new URL('../../docs/images/', import.meta.url)

/** What is said in the pictures; `who` indexes the people of `cast`. */
interface Scene {
  people: [username: string, displayName: string][]
  server: string
  room: string
  topic: string
  rooms: [name: string, topic: string, last: string][]
  lines: [who: number, text: string, replyTo?: number][]
  /** Who reacted to which line, with what. */
  reactions: [line: number, emoji: string, who: number[]][]
  /** Said in the first room. */
  welcome: string
  direct: string
  typist: number
}

const english: Scene = {
  people: [['mara', 'Mara Vogt'], ['tom', 'Tom Adeyemi'], ['ines', 'Ines Carvalho'], ['jun', 'Jun Watanabe']],
  server: 'Riverside Rowing',
  room: 'regatta',
  topic: 'Sunday 9:00, boats on the water at 8:15',
  rooms: [
    ['boat house', 'Keys, repairs, lost gloves', 'The spare key is back in the box.'],
    ['training', 'Who rows when', 'Ergs on Tuesday, water on Thursday.'],
  ],
  lines: [
    [1, 'The draw is out: we are in **heat 2**, lane 4.'],
    [2, 'Lane 4 has the bridge pillar at 700 m. Keep left of the buoy there.'],
    [0, 'Good to know. I will move the start plan:'],
    [0, '```\n8:15  boats on the water\n8:40  warm-up, 3 × 20 strokes\n8:55  at the start\n```'],
    [3, 'I can bring the camera and stand on the bridge 📷'],
    [2, 'Wind says south-west, 3 to 4. Who has the long fin?', 0],
    [1, 'It is in the boat house, second shelf. I will pick it up on the way.', 5],
    [0, 'Perfect, @tom. See you all on Sunday!'],
    [3, '🚣🚣‍♀️🚣‍♂️'],
  ],
  reactions: [[4, '❤️', [0, 1]], [7, '👍', [1, 2, 3]], [7, '🎉', [0, 3]]],
  welcome: 'Welcome aboard, everybody.',
  direct: 'Can you take the trailer back on Monday?',
  typist: 2,
}

const german: Scene = {
  people: [['mara', 'Mara Vogt'], ['tom', 'Tom Adeyemi'], ['ines', 'Ines Carvalho'], ['jun', 'Jun Watanabe']],
  server: 'Ruderverein Flussaue',
  room: 'Regatta',
  topic: 'Sonntag 9:00, Boote um 8:15 aufs Wasser',
  rooms: [
    ['Bootshaus', 'Schlüssel, Reparaturen, verlorene Handschuhe', 'Der Ersatzschlüssel liegt wieder im Kasten.'],
    ['Training', 'Wer rudert wann', 'Dienstag Ergometer, Donnerstag Wasser.'],
  ],
  lines: [
    [1, 'Die Auslosung ist da: **Lauf 2**, Bahn 4.'],
    [2, 'Bahn 4 hat bei 700 m den Brückenpfeiler. Dort links von der Boje bleiben.'],
    [0, 'Gut zu wissen. Ich schiebe den Plan:'],
    [0, '```\n8:15  Boote aufs Wasser\n8:40  Einfahren, 3 × 20 Schläge\n8:55  am Start\n```'],
    [3, 'Ich bringe die Kamera mit und stelle mich auf die Brücke 📷'],
    [2, 'Wind aus Südwest, 3 bis 4. Wer hat die lange Finne?', 0],
    [1, 'Liegt im Bootshaus, zweites Regal. Ich nehme sie mit.', 5],
    [0, 'Perfekt, @tom. Bis Sonntag!'],
    [3, '🚣🚣‍♀️🚣‍♂️'],
  ],
  reactions: [[4, '❤️', [0, 1]], [7, '👍', [1, 2, 3]], [7, '🎉', [0, 3]]],
  welcome: 'Willkommen an Bord!',
  direct: 'Bringst du am Montag den Hänger zurück?',
  typist: 2,
}

/** Plays a scene; answers its people and the room. */
async function play(world: World, scene: Scene): Promise<{ cast: Api[]; roomId: string }> {
  const cast: Api[] = []
  for (const [username, name] of scene.people) cast.push(await world.register(username, name, scene.server))
  const [mara, tom] = cast as [Api, Api]
  for (const [name, topic, last] of scene.rooms) {
    const { roomId } = await mara.createRoom('public', name, topic)
    for (const who of cast.slice(1)) await who.join(roomId)
    await tom.send(roomId, last)
  }
  await mara.send((await mara.rooms()).find((room) => room.name === scene.server)!.roomId, scene.welcome)
  await cast[3]!.send((await cast[3]!.direct(mara)).roomId, scene.direct)
  const { roomId } = await mara.createRoom('public', scene.room, scene.topic)
  for (const who of cast.slice(1)) await who.join(roomId)
  const said: Message[] = []
  for (const [who, text, replyTo] of scene.lines) {
    said.push(await cast[who]!.send(roomId, text, replyTo === undefined ? undefined : said[replyTo]!.messageId))
  }
  for (const [line, emoji, people] of scene.reactions) for (const who of people) await cast[who]!.react(said[line]!, emoji)
  return { cast, roomId }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready)
  const shot = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const { width, height, pixels } = await page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d')!
    canvas.drawImage(image, 0, 0)
    const { width, height, data: rgba } = canvas.getImageData(0, 0, image.width, image.height)
    let pixels = ''
    for (let i = 0; i < rgba.length; i += 0x8000) pixels += String.fromCharCode(...rgba.subarray(i, i + 0x8000))
    return { width, height, pixels: btoa(pixels) }
  }, shot.toString('base64'))
  const small = reduced(width, height, Buffer.from(pixels, 'base64'))
  expect(small.length, `${name}.png is small`).toBeLessThan(120 * 1024)
  writeFileSync(new URL(`${name}.png`, folder), small)
}

/** The room with everybody there, one of them typing. */
async function talk(world: World, scene: Scene, locale: string, shape: typeof desktop | typeof phone, colorScheme: 'light' | 'dark'): Promise<Chat> {
  const { cast, roomId } = await play(world, scene)
  const others = await Promise.all([1, 2].map((i) => world.open(cast[i]!, `/rooms/${roomId}`, { ...desktop, locale })))
  const chat = new Chat(await world.open(cast[0]!, `/rooms/${roomId}`, { ...shape, locale, colorScheme }))
  await expect(chat.list.locator('article').last()).toBeVisible()
  await new Chat(others[scene.typist - 1]!).box.pressSequentially('…')
  await expect(chat.page.getByTestId('typing')).toContainText(scene.people[scene.typist]![1])
  return chat
}

test('desktop, light, English', async ({ world }) => {
  const chat = await talk(world, english, 'en-GB', desktop, 'light')
  await chat.page.getByRole('button', { name: 'Details and members' }).click()
  await expect(chat.page.getByRole('complementary')).toContainText('Jun Watanabe')
  await shoot(chat.page, 'desktop-light-en')
})

test('desktop, dark, German', async ({ world }) => {
  const chat = await talk(world, german, 'de-DE', desktop, 'dark')
  await chat.box.fill('Soll ich Kuchen mitbringen?')
  await chat.page.keyboard.press('Control+Shift+f')
  const search = chat.page.getByRole('search', { name: 'Nachrichten suchen' })
  await search.getByText('Alle Räume').click()
  await search.getByRole('textbox').fill('bo')
  await expect(search.locator('mark')).toHaveCount(4)
  await shoot(chat.page, 'desktop-dark-de')
})

test('phone, dark, English', async ({ world }) => {
  const chat = await talk(world, english, 'en-GB', phone, 'dark')
  await shoot(chat.page, 'phone-dark-en')
})

test('phone, light, German: the rooms', async ({ world }) => {
  const { cast } = await play(world, german)
  await world.open(cast[3]!, '/', desktop)
  const page = await world.open(cast[0]!, '/', { ...phone, locale: 'de-DE', colorScheme: 'light' })
  await expect(page.getByTestId('room-list').getByText('online')).toBeVisible()
  await shoot(page, 'phone-light-de')
})
