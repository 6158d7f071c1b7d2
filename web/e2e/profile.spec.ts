import { Chat } from './support/chat'
import { encodePng } from './support/png'
import { expect, type Page, password, test } from './support/test'
import { visibleText, wordsOf } from './support/words'

test('name and picture change everywhere at once', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  await anna.send(harbour!.roomId, 'It is me.')
  const bens = new Chat(await world.open(ben, `/rooms/${harbour!.roomId}`))
  await expect(bens.message('It is me.')).toContainText('Anna Lind')
  const page = await world.open(anna, '/settings')

  await page.getByLabel('Name shown to others').fill('Anna of the Sea')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Saved')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Account menu' })).toContainText('Anna of the Sea')

  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a picture' }).click()
  await (await chooser).setFiles({ name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('this is no picture') })
  await expect(page.getByText('This file cannot be read as a picture.')).toBeVisible()
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await page.locator('input[type=file]').setInputFiles({ name: 'halves.png', mimeType: 'image/png', buffer: halves(640, 320) })
  const dialog = page.getByRole('dialog', { name: 'Choose the part to show' })
  // The picture is red on the left and blue on the right; the keys move it until only blue is left.
  await dialog.getByRole('group', { name: 'Part of the picture' }).focus()
  for (let i = 0; i < 40; i++) await page.keyboard.press('ArrowRight')
  await dialog.getByRole('button', { name: 'Use picture' }).click()
  await expect(dialog).toHaveCount(0)
  const avatar = page.locator('main img').first()
  await expect(avatar).toBeVisible()
  expect(await colourOf(avatar)).toBe('blue')

  await bens.page.reload()
  await expect(bens.message('It is me.')).toContainText('Anna of the Sea')
  const seen = bens.message('It is me.').locator('img')
  await expect(seen).toBeVisible()
  expect(await colourOf(seen)).toBe('blue')

  await page.getByRole('button', { name: 'Remove picture' }).click()
  await expect(page.locator('main img')).toHaveCount(0)
})

test('a password is changed, and another device is logged out from here', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const here = await world.open(anna, '/settings')
  const there = new Chat(await world.open(anna))
  await there.toRooms()
  await here.reload()
  const sessions = here.getByRole('listitem').filter({ hasText: 'since' })
  await expect(sessions.first()).toContainText('This device')
  const others = here.getByRole('button', { name: /^Log out this device/ })
  // The one in the other browser, and the one that the story itself signed in with.
  await expect(others).toHaveCount(2)
  await expect(others.first()).toHaveAccessibleName('Log out this device: Chrome on Linux')
  world.expectTrouble(/status of 401/)
  await others.filter({ hasText: 'Log out' }).first().click()
  await expect(here.getByText('The device was logged out.')).toBeVisible()
  await expect(there.page.getByRole('heading', { name: 'Log in to Harbour' })).toBeVisible()
  await expect(there.page.getByText('Your session has ended.')).toBeVisible()

  world.expectTrouble(/status of 40[013].*me\/password/)
  const change = async (from: string, to: string) => {
    await here.getByLabel('Current password').fill(from)
    await here.getByLabel('New password').fill(to)
    await here.getByRole('button', { name: 'Change password' }).click()
  }
  await change('wrong password', 'seven green herons wade')
  await expect(here.getByText('The current password is wrong.')).toBeVisible()
  await change(password, 'password1')
  await expect(here.getByText('This password is too easy to guess.')).toBeVisible()
  await change(password, 'seven green herons wade')
  await expect(here.getByText('Your password is changed.')).toBeVisible()

  const login = async (secret: string) => {
    await there.page.getByLabel('Password', { exact: true }).fill(secret)
    await there.page.getByRole('button', { name: 'Log in', exact: true }).click()
  }
  await expect(there.page.getByLabel('User name')).toHaveValue('anna')
  await login(password)
  await expect(there.page.getByRole('alert')).toHaveText('Name or password is wrong.')
  await login('seven green herons wade')
  await there.toRooms()
})

test('German is German throughout, and the choice lasts', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  await ben.send(harbour!.roomId, 'Moin')
  const page = await world.open(anna, '/settings')
  const english = wordsOf('en', 3)
  expect(english.length).toBeGreaterThan(100)
  await expect.poll(() => visibleText(page)).toContain('Where you are logged in.')
  await page.getByLabel('Language', { exact: true }).selectOption('de')
  await expect(page.locator('html')).toHaveAttribute('lang', 'de')

  const german = async (where: string) => {
    const text = await visibleText(page)
    expect(text.length).toBeGreaterThan(100)
    expect(english.filter((words) => text.includes(words)), `English words, ${where}`).toEqual([])
  }
  await expect(page.getByRole('heading', { level: 1, name: 'Einstellungen' })).toBeVisible()
  await german('settings')
  await page.reload()
  await expect(page.getByRole('heading', { level: 1, name: 'Einstellungen' })).toBeVisible()
  await page.goto('/rooms')
  await expect(page.getByRole('heading', { level: 1, name: 'Räume entdecken' })).toBeVisible()
  await german('browse')
  await page.goto(`/rooms/${harbour!.roomId}`)
  await expect(page.getByTestId('message-list').getByText('Moin')).toBeVisible()
  await page.locator('#details-toggle').click()
  await expect(page.getByRole('complementary')).toContainText('Ben Okafor')
  await german('room and details')
  for (const dialog of ['Control+k', 'room', 'direct', 'invite'] as const) {
    await openGerman(page, dialog)
    await expect(page.getByRole('dialog')).toBeVisible()
    await german(dialog)
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
  }

  const stranger = await world.stranger({ locale: 'de-AT' })
  await stranger.goto('/')
  await expect(stranger.getByRole('heading', { name: 'Anmelden bei Harbour' })).toBeVisible()
  const text = await visibleText(stranger)
  expect(english.filter((words) => text.includes(words))).toEqual([])
})

test('light and dark follow the choice, and without one the system', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const page = await world.open(anna, '/settings', { colorScheme: 'dark' })
  const bright = () => page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d')!
    canvas.fillStyle = getComputedStyle(document.querySelector('main')!).backgroundColor
    canvas.fillRect(0, 0, 1, 1)
    return canvas.getImageData(0, 0, 1, 1).data[0]! > 128
  })
  await expect(page.getByLabel('Like the system')).toBeChecked()
  expect(await bright()).toBe(false)
  await page.getByLabel('Light', { exact: true }).check()
  expect(await bright()).toBe(true)
  await page.reload()
  await expect(page.getByLabel('Light', { exact: true })).toBeChecked()
  expect(await bright()).toBe(true)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.getByLabel('Dark', { exact: true }).check()
  expect(await bright()).toBe(false)
})

async function openGerman(page: Page, dialog: 'Control+k' | 'room' | 'direct' | 'invite'): Promise<void> {
  if (dialog === 'Control+k') return page.keyboard.press(dialog)
  if (dialog === 'room') return page.getByRole('button', { name: 'Neuer Raum' }).first().click()
  if (dialog === 'direct') return page.getByRole('button', { name: 'Neue Direktnachricht' }).first().click()
  await page.getByRole('complementary').getByRole('button', { name: /Link/ }).click()
}

/** What colour the middle of a picture mostly has. */
function colourOf(image: ReturnType<Page['locator']>): Promise<string> {
  return image.evaluate(async (element) => {
    const img = element as HTMLImageElement
    await img.decode()
    const canvas = document.createElement('canvas').getContext('2d')!
    canvas.drawImage(img, 0, 0, 3, 3)
    const corners = [0, 2].map((x) => canvas.getImageData(x, 1, 1, 1).data)
    if (corners.every(([r, , b]) => b! > 150 && r! < 100)) return 'blue'
    return corners.every(([r, , b]) => r! > 150 && b! < 100) ? 'red' : 'mixed'
  })
}

/** A PNG, red on its left half and blue on its right. */
function halves(width: number, height: number): Buffer {
  return encodePng(width, height, [[220, 20, 20], [20, 20, 220]], (x) => x < width / 2 ? 0 : 1)
}
