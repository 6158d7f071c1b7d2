import { readFileSync } from 'node:fs'
import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { encodePng } from './support/png'
import { expect, type Page, test, type World } from './support/test'

const picture = (hue: number, width = 480, height = 320) => encodePng(width, height, [[hue, 140, 120], [240, 230, 210]], (x, y) => (Math.floor(x / 40) + Math.floor(y / 40)) % 2)
const sea = { name: 'sea.png', mimeType: 'image/png', buffer: picture(20) }
const dunes = { name: 'dunes.png', mimeType: 'image/png', buffer: picture(200, 300, 400) }
const notes = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Tide at nine.\n') }

/** Anna and Ben in the room Harbour. */
async function two(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await annas.live()
  await bens.live()
  return { anna, ben, annas, bens, roomId }
}

const choose = (chat: Chat, ...files: { name: string; mimeType: string; buffer: Buffer }[]) => chat.page.getByTestId('files').setInputFiles(files)
const chips = (chat: Chat) => chat.page.getByTestId('composer').getByTestId('uploads').getByRole('listitem')

test('pictures and other files are chosen, shown, viewed at full size and downloaded', async ({ world, narrow }) => {
  const { anna, annas, bens, roomId } = await two(world)
  await choose(annas, sea, dunes, notes)
  await expect(chips(annas)).toHaveCount(3)
  await expect(chips(annas).nth(2)).toContainText('14 byte')
  for (let i = 0; i < 3; i++) await expect(chips(annas).nth(i)).toHaveAttribute('data-state', 'done')
  await expectAccessible(annas.page, 'the composer with files')
  await annas.say('From the coast')
  await expect(chips(annas)).toHaveCount(0)

  const message = bens.message('From the coast')
  const pictures = message.getByRole('button', { name: /^View / })
  await expect(pictures).toHaveCount(2)
  await expect(pictures.first().getByRole('img', { name: 'sea.png' })).toHaveJSProperty('complete', true)
  const box = (await pictures.first().boundingBox())!
  expect(box.width / box.height).toBeCloseTo(1.5, 1)
  await expect(message.getByText('notes.txt')).toBeVisible()
  await expectAccessible(bens.page, 'a message with files')
  const [stored] = await anna.history(roomId)
  expect(stored!.attachments.map((file) => [file.filename, file.contentType, file.width])).toEqual([
    ['sea.png', 'image/png', 480], ['dunes.png', 'image/png', 300], ['notes.txt', expect.stringContaining('text/plain'), undefined],
  ])

  const download = bens.page.waitForEvent('download')
  await message.getByRole('button', { name: 'Download notes.txt' }).click()
  const file = await download
  expect(file.suggestedFilename()).toBe('notes.txt')
  expect(readFileSync(await file.path(), 'utf8')).toBe('Tide at nine.\n')

  await pictures.first().click()
  const box2 = bens.page.getByRole('dialog', { name: 'sea.png' })
  await expect(box2.getByRole('img', { name: 'sea.png' })).toBeVisible()
  await expect(box2.getByText('1 of 2')).toBeVisible()
  await expectAccessible(bens.page, 'a picture at full size')
  if (narrow) await swipe(bens.page)
  else await bens.page.keyboard.press('ArrowRight')
  const next = bens.page.getByRole('dialog', { name: 'dunes.png' })
  await expect(next.getByRole('img', { name: 'dunes.png' })).toBeVisible()
  if (!narrow) {
    await next.getByRole('button', { name: 'Zoom in' }).click()
    await expect(next.getByRole('img')).toHaveCSS('transform', 'matrix(1.5, 0, 0, 1.5, 0, 0)')
  }
  await bens.page.keyboard.press('Escape')
  await expect(bens.page.getByRole('dialog')).toHaveCount(0)
  if (!narrow) await expect(pictures.first()).toBeFocused()
})

test('files are dropped onto the conversation or pasted, and a message may be nothing else', async ({ world, narrow }) => {
  test.skip(narrow, 'with a mouse and a keyboard')
  const { annas, bens, ben, roomId } = await two(world)
  const data = await annas.page.evaluateHandle((text) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([text], 'dropped.txt', { type: 'text/plain' }))
    return transfer
  }, 'dropped')
  await annas.list.dispatchEvent('dragenter', { dataTransfer: data })
  await expect(annas.page.getByText('Drop files to send them to Harbour')).toBeVisible()
  await annas.list.dispatchEvent('drop', { dataTransfer: data })
  await expect(annas.page.getByText('Drop files to send them to Harbour')).toHaveCount(0)
  await annas.box.evaluate((box) => {
    const clipboardData = new DataTransfer()
    clipboardData.items.add(new File(['pasted'], 'pasted.txt', { type: 'text/plain' }))
    box.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
  })
  await expect(chips(annas)).toHaveText([/dropped\.txt/, /pasted\.txt/])
  await annas.page.getByRole('button', { name: 'Take dropped.txt off' }).click()
  await annas.page.getByRole('button', { name: 'Send', exact: true }).click()
  await expect(bens.list.getByText('pasted.txt')).toBeVisible()
  expect((await ben.history(roomId)).map((message) => [message.content, message.attachments.map((file) => file.filename)])).toEqual([['', ['pasted.txt']]])
  await annas.toRooms()
  await expect(annas.entry('Harbour')).toContainText('📎 pasted.txt')
})

test('a message waits for its files, over a reload too, and can be given up with them', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  world.expectTrouble(/ERR_FAILED/, /ERR_INTERNET_DISCONNECTED/, /WebSocket/)
  let held = true
  await annas.page.route('**/files/uploads/**', (route) => (held ? new Promise(() => {}) : route.continue()))
  await choose(annas, notes)
  await expect(chips(annas).first()).toHaveAttribute('data-state', 'sending')
  await annas.say('Waits for its file')
  const waiting = annas.message('Waits for its file')
  await expect(waiting).toHaveAttribute('data-state', 'sending')
  await expect(waiting.getByRole('progressbar', { name: 'Progress of notes.txt' })).toBeVisible()
  await expect(bens.message('Waits for its file')).toHaveCount(0)
  held = false
  await annas.page.reload()
  await expect(bens.message('Waits for its file').getByText('notes.txt')).toBeVisible()
  await expect(annas.message('Waits for its file')).toHaveAttribute('data-state', 'sent')

  held = true
  await choose(annas, sea)
  await annas.say('Thought better of it')
  await annas.message('Thought better of it').getByRole('button', { name: 'Cancel sending sea.png' }).click()
  await expect(annas.message('Thought better of it')).toHaveCount(0)
  await annas.say('Something else')
  await expect(bens.message('Something else')).toBeVisible()
  expect((await anna.history(roomId)).map((message) => message.content)).toEqual(['Waits for its file', 'Something else'])
})

test('what cannot be sent says why in words', async ({ world }) => {
  const { annas } = await two(world)
  const limit = await annas.page.evaluate(async () => ((await (await fetch('/api/v1/server')).json()) as { limits: { fileBytes: number } }).limits.fileBytes)
  await choose(annas, { name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(limit + 1) })
  await expect(chips(annas).getByRole('alert')).toContainText('Too large: this server takes files up to')
  await expect(annas.page.getByRole('button', { name: 'Send', exact: true })).toBeDisabled()
  await expectAccessible(annas.page, 'a file that is too large')
  await annas.page.getByRole('button', { name: 'Cancel sending film.mp4' }).click()
  world.expectTrouble(/status of 400/)
  await choose(annas, { name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) })
  await expect(chips(annas).getByRole('alert')).toContainText('This file is empty.')
})

/** Moves a finger from right to left over the middle. */
async function swipe(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const at = (x: number) => [{ x, y: 420 }]
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(300) })
  for (const x of [240, 180, 100]) await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(x) })
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await session.detach()
}

