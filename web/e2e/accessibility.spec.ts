import { expectAccessible } from './support/axe'
import { Chat, longPress } from './support/chat'
import { type Api, expect, type Page, test, type World } from './support/test'

/** A room with one message of every kind, two people, and an unread direct message. */
async function scene(world: World): Promise<{ anna: Api; roomId: string }> {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const roomId = (await anna.rooms())[0]!.roomId
  const first = await ben.send(roomId, '**Who** has the `key`? See https://example.org\n\n```js\nconst key = lost()\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |')
  await anna.send(roomId, 'Not me, @ben.', first.messageId)
  await anna.delete(await anna.send(roomId, 'A slip'))
  await ben.edit(await ben.send(roomId, 'Fuond it'), 'Found it')
  await ben.send((await ben.direct(anna)).roomId, 'Psst')
  await ben.createRoom('public', 'garden', 'Beds, seeds and slugs')
  return { anna, roomId }
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ world, narrow }) => {
    const look = { colorScheme, reducedMotion: 'reduce' } as const
    const stranger = await world.stranger(look)
    await stranger.goto('/')
    await expect(stranger.getByRole('heading', { name: 'Welcome to Parley' })).toBeVisible()
    await expectAccessible(stranger, 'set-up')
    await stranger.getByRole('button', { name: 'Start' }).click()
    await expectAccessible(stranger, 'set-up with errors')

    const { anna, roomId } = await scene(world)
    await stranger.goto('/login')
    await expect(stranger.getByRole('heading', { name: 'Log in to Harbour' })).toBeVisible()
    await expectAccessible(stranger, 'log-in')
    await stranger.goto('/register')
    await expect(stranger.getByRole('heading', { name: 'Join Harbour' })).toBeVisible()
    await expectAccessible(stranger, 'sign-up')
    await stranger.goto('/nowhere/at/all')
    await expect(stranger.getByRole('heading', { name: 'There is nothing here' })).toBeVisible()
    await expectAccessible(stranger, 'a page that is not there')

    const page = await world.open(anna, '/', look)
    const chat = new Chat(page)
    await chat.toRooms()
    await expect(chat.entry('Ben Okafor')).toContainText('1 unread')
    await expectAccessible(page, 'home')
    for (const [path, heading] of [['/rooms', 'Browse rooms'], ['/settings', 'Settings']] as const) {
      await page.goto(path)
      await expect(chat.heading(heading)).toBeVisible()
      if (path === '/settings') await expect(page.getByText('This device', { exact: true })).toBeVisible()
      await expectAccessible(page, path)
    }
    await page.goto(`/rooms/${roomId}`)
    await expect(chat.list.getByText('Found it')).toBeVisible()
    await expectAccessible(page, 'room')
    if (!narrow) {
      await chat.message('Found it').hover()
      await expectAccessible(page, 'room with the bar of a message')
    }
    await page.getByRole('button', { name: 'Details and members' }).click()
    await expect(page.getByRole('complementary')).toContainText('Ben Okafor')
    await expectAccessible(page, 'details')
    await page.getByRole('button', { name: 'Close the details' }).click()
    await chat.box.fill('A draft @be')
    await chat.box.press('n')
    await expectAccessible(page, 'composer with suggestions')
    await chat.box.fill('')
    await chat.enter('Ben Okafor')
    await expectAccessible(page, 'direct conversation')
    world.expectTrouble(/status of 404/)
    await page.goto('/rooms/00000000000000000000000000')
    await expect(page.getByRole('heading', { name: 'This room is not here' })).toBeVisible()
    await expectAccessible(page, 'a room that is not there')
  })

  test(`axe finds nothing in any dialog, ${colorScheme}`, async ({ world, narrow }) => {
    const { anna, roomId } = await scene(world)
    const page = await world.open(anna, `/rooms/${roomId}`, { colorScheme, reducedMotion: 'reduce' })
    const chat = new Chat(page)
    await expect(chat.list.getByText('Found it')).toBeVisible()

    const dialog = async (what: string) => {
      await expect(page.getByRole('dialog')).toBeVisible()
      await expectAccessible(page, what)
      await page.keyboard.press('Escape')
      await expect(page.getByRole('dialog')).toHaveCount(0)
    }
    const menu = async (item: string) => {
      await page.getByRole('button', { name: 'Room menu' }).click()
      await page.getByRole('menuitem', { name: item }).click()
    }
    await page.getByRole('button', { name: 'Room menu' }).click()
    await expect(page.getByRole('menu')).toBeVisible()
    await expectAccessible(page, 'room menu')
    await page.keyboard.press('Escape')
    for (const item of ['Invite with a link', 'Edit room', 'Leave room', 'Delete room']) {
      await menu(item)
      await dialog(item)
    }
    await page.getByRole('button', { name: 'Details and members' }).click()
    await page.getByRole('button', { name: 'Add people' }).click()
    await dialog('add people')
    await page.getByRole('button', { name: 'Close the details' }).click()
    await page.getByRole('button', { name: 'Insert an emoji' }).click()
    await expect(page.getByRole('dialog').getByRole('textbox').or(page.getByRole('dialog').getByRole('combobox')).first()).toBeVisible()
    await dialog('emoji')
    await page.keyboard.press('Control+k')
    await dialog('switcher')
    if (narrow) {
      await longPress(chat.message('Found it').locator('.prose'))
      await dialog('the sheet of a message')
    }
    await chat.act('Not me, @ben.', 'Delete')
    await dialog('delete a message')
    await chat.toRooms()
    for (const name of ['New room', 'New direct message']) {
      await page.getByRole('button', { name }).first().click()
      await dialog(name)
    }
    await page.getByRole('button', { name: 'Account menu' }).click()
    await expect(page.getByRole('menu')).toBeVisible()
    await expectAccessible(page, 'account menu')
    await page.getByRole('menuitem', { name: 'Invite people' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Create link' }).click()
    await expect(page.getByLabel('Invite link')).toBeVisible()
    await dialog('invite with its link')
    await cropDialog(page)
  })
}

async function cropDialog(page: Page): Promise<void> {
  await page.goto('/settings')
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  await page.locator('input[type=file]').setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') })
  await expect(page.getByRole('dialog', { name: 'Choose the part to show' })).toBeVisible()
  await expectAccessible(page, 'crop')
}
