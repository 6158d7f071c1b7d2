import { readFileSync } from 'node:fs'
import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { encodePng } from './support/png'
import { expect, type Page, password, test, type World } from './support/test'

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
  const [left, right] = [(await pictures.first().boundingBox())!, (await pictures.last().boundingBox())!]
  expect(left.width / left.height).toBeCloseTo(1, 1)
  expect(right.y).toBe(left.y)
  expect(right.x).toBeGreaterThanOrEqual(left.x + left.width)
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

  await choose(annas, sea)
  await annas.say('Alone')
  const alone = (await bens.message('Alone').getByRole('button', { name: 'View sea.png' }).boundingBox())!
  expect(alone.width / alone.height).toBeCloseTo(1.5, 1)
})

test('ten files at once leave room to read and write, and go out as one message', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  await anna.send(roomId, 'Still in sight')
  const pictures = Array.from({ length: 11 }, (_, i) => ({ name: `wave-${i}.png`, mimeType: 'image/png', buffer: picture(i * 20, 200 + i, 150) }))
  await choose(annas, ...pictures)
  await expect(annas.page.getByText('A message can have up to 10 files.')).toBeVisible()
  await expect(chips(annas)).toHaveCount(10)
  await expect(annas.message('Still in sight')).toBeInViewport()
  await annas.page.getByRole('button', { name: 'Take wave-9.png off' }).focus()
  await expect(chips(annas).last()).toBeInViewport()
  await annas.say('Waves')
  await expect(bens.message('Waves').getByRole('button', { name: /^View wave-/ })).toHaveCount(10)
  await bens.message('Waves').getByRole('button', { name: 'View wave-4.png' }).click()
  await expect(bens.page.getByRole('dialog', { name: 'wave-4.png' }).getByText('5 of 10')).toBeVisible()
  expect((await anna.history(roomId)).at(-1)!.attachments.map((file) => file.filename)).toEqual(pictures.slice(0, 10).map((file) => file.name))
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

test('what was chosen and not sent is there after a reload, in a session that was renewed too, and gone with the log-out', async ({ world }) => {
  const { anna, annas, ben, bens, roomId } = await two(world)
  const { page } = annas
  await choose(annas, sea, notes)
  await annas.box.fill('From the coast')
  for (const at of [0, 1]) await expect(chips(annas).nth(at)).toHaveAttribute('data-state', 'done')
  await page.reload()
  await expect(chips(annas)).toHaveText([/sea\.png/, /notes\.txt/])
  await expect(chips(annas).first().locator('img')).toHaveJSProperty('naturalWidth', 480)
  await expect(annas.box).toHaveValue('From the coast')

  await page.getByRole('button', { name: 'Take sea.png off' }).click()
  world.expectTrouble(/status of 401/, /WebSocket/)
  await anna.endSessions()
  await expect(page.getByText('drafts and waiting messages are still here')).toBeVisible()
  await page.getByLabel('User name').fill(anna.username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in', exact: true }).click()
  await annas.enter('Harbour')
  await expect(chips(annas)).toHaveText([/notes\.txt/])
  await annas.live()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await expect(bens.message('From the coast').getByText('notes.txt')).toBeVisible()
  await page.reload()
  await expect(annas.message('From the coast')).toBeVisible()
  await expect(chips(annas)).toHaveCount(0)

  await choose(annas, dunes)
  await expect(chips(annas).first()).toHaveAttribute('data-state', 'done')
  await annas.logout()
  expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  await page.getByLabel('User name').fill(anna.username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in', exact: true }).click()
  await annas.enter('Harbour')
  await expect(chips(annas)).toHaveCount(0)
  expect((await ben.history(roomId)).map((message) => message.attachments.map((file) => file.filename))).toEqual([['notes.txt']])
})

test('what is chosen without a network waits, is sent with its message, and arrives when the network is back', async ({ world }) => {
  const { annas, bens } = await two(world)
  const context = annas.page.context()
  world.expectTrouble(/ERR_INTERNET_DISCONNECTED/, /WebSocket/)
  await context.setOffline(true)
  await choose(annas, notes)
  await expect(chips(annas).first()).toHaveAttribute('data-state', 'waiting')
  await expect(chips(annas).first()).toContainText('Waits for the connection')
  await expectAccessible(annas.page, 'a file that waits')
  await annas.say('Written on the ferry')
  await choose(annas, sea)
  await expect(chips(annas).first()).toHaveAttribute('data-state', 'waiting')
  await context.setOffline(false)
  await expect(bens.message('Written on the ferry').getByText('notes.txt')).toBeVisible()
  await expect(annas.page.getByTestId('composer').getByTestId('uploads').getByRole('listitem')).toHaveAttribute('data-state', 'done')
})

test('sound and films play in their place, and can be saved', async ({ world }) => {
  const { annas, bens } = await two(world)
  await choose(annas, { name: 'gulls.wav', mimeType: 'audio/wav', buffer: sound(2) }, { name: 'waves.webm', mimeType: 'video/webm', buffer: await film(annas.page) })
  for (const at of [0, 1]) await expect(chips(annas).nth(at)).toHaveAttribute('data-state', 'done')
  await annas.say('Listen')
  for (const [tag, name] of [['audio', 'gulls.wav'], ['video', 'waves.webm']] as const) {
    const player = bens.list.locator(`${tag}[aria-label="${name}"]`)
    await expect.poll(() => player.evaluate((media: HTMLMediaElement) => media.readyState)).toBeGreaterThan(0)
    await expect(player).toHaveJSProperty('paused', true)
    await player.focus()
    await bens.page.keyboard.press('Space')
    await expect.poll(() => player.evaluate((media: HTMLMediaElement) => media.currentTime)).toBeGreaterThan(0)
    await expect(player).toHaveJSProperty('error', null)
    const download = bens.page.waitForEvent('download')
    await bens.page.getByRole('button', { name: `Download ${name}` }).click()
    expect((await download).suggestedFilename()).toBe(name)
  }
  await expectAccessible(bens.page, 'sound and film')
})

test.describe('a small space for files', () => {
  test.use({ settings: { PARLEY_FILE_QUOTA: '1' } })

  test('that is full says so and what to do; room that was made can be used', async ({ world }) => {
    const { annas } = await two(world)
    const large = (name: string) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.alloc(700_000, 7) })
    await choose(annas, large('first.bin'))
    await annas.say('The first')
    await expect(annas.message('The first')).toHaveAttribute('data-state', 'sent')
    world.expectTrouble(/status of 413/)
    await choose(annas, large('second.bin'))
    await expect(chips(annas).getByRole('alert')).toHaveText('Your space on this server is used up. Delete messages with files to make room.')
    await expect(annas.page.getByRole('button', { name: 'Send', exact: true })).toBeDisabled()
    await annas.page.getByRole('button', { name: 'Cancel sending second.bin' }).click()
    await annas.act('The first', 'Delete')
    await annas.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await expect(annas.list.getByText('This message was deleted.')).toBeVisible()
    await choose(annas, large('third.bin'))
    await expect(chips(annas).first()).toHaveAttribute('data-state', 'done')
  })
})

test.describe('a server without files', () => {
  test.use({ settings: { PARLEY_FILES: 'off' } })

  test('offers none, and says so to who drops some', async ({ world }) => {
    const { annas, bens } = await two(world)
    await expect(annas.page.getByRole('button', { name: 'Insert an emoji' })).toBeVisible()
    await expect(annas.page.getByRole('button', { name: 'Attach files' })).toHaveCount(0)
    const dataTransfer = await annas.page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }))
      return transfer
    })
    await annas.list.dispatchEvent('dragenter', { dataTransfer })
    await annas.list.dispatchEvent('drop', { dataTransfer })
    await expect(annas.page.getByText('This server does not take files.')).toBeVisible()
    await expect(chips(annas)).toHaveCount(0)
    await annas.say('Only words')
    await expect(bens.message('Only words')).toBeVisible()
  })
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

/** Some seconds of a tone, as a WAV file. */
function sound(seconds: number): Buffer {
  const rate = 8000
  const samples = Buffer.from(Uint8Array.from({ length: rate * seconds }, (_, i) => 128 + 40 * Math.sin(i / 3)))
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + samples.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate, 28)
  head.writeUInt16LE(1, 32)
  head.writeUInt16LE(8, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.length, 40)
  return Buffer.concat([head, samples])
}

/** A short film of a square that moves, as the browser records it. */
async function film(page: Page): Promise<Buffer> {
  const bytes = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 90 })
    const paint = canvas.getContext('2d')!
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' })
    const parts: Blob[] = []
    recorder.ondataavailable = ({ data }) => parts.push(data)
    const ended = new Promise((resolve) => { recorder.onstop = resolve })
    recorder.start()
    for (let step = 0; step < 30; step++) {
      paint.fillStyle = step % 2 ? '#367' : '#eca'
      paint.fillRect(step * 4, 20, 40, 40)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    recorder.stop()
    await ended
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())]
  })
  return Buffer.from(bytes)
}
