import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('everything can be done with the keyboard alone', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  await anna.createRoom('public', 'garden')
  await ben.send(harbour!.roomId, 'Good morning')
  const page = await world.open(anna, '/')
  const chat = new Chat(page)
  const { keyboard } = page
  await expect(chat.entry('Harbour')).toBeVisible()

  await test.step('the first Tab offers to skip to the conversation', async () => {
    await keyboard.press('Tab')
    const skip = page.getByRole('link', { name: 'Skip to the conversation' })
    await expect(skip).toBeFocused()
    await expect(skip).toBeInViewport()
    await keyboard.press('Enter')
    await expect(page.locator('#main')).toBeFocused()
  })

  await test.step('the switcher leads to a room', async () => {
    await keyboard.press('Control+k')
    const box = page.getByRole('combobox', { name: 'Room, person or command' })
    await expect(box).toBeFocused()
    await keyboard.type('harb')
    await expect(page.getByRole('option', { selected: true })).toContainText('Harbour')
    await keyboard.press('Enter')
    await expect(chat.heading('Harbour')).toBeVisible()
    await expect(chat.box).toBeFocused()
  })

  await test.step('write, break a line, send, change the last one', async () => {
    await keyboard.type('Morning')
    await keyboard.press('Shift+Enter')
    await keyboard.type('all')
    await keyboard.press('Enter')
    await expect(chat.list.locator('article').last()).toContainText('Morning\nall', { useInnerText: true })
    await expect(chat.list.locator('article').last()).toHaveAttribute('data-state', 'sent')
    await keyboard.press('ArrowUp')
    await expect(page.getByRole('textbox', { name: 'Edit message' })).toHaveValue('Morning\nall')
    await keyboard.press('Escape')
    await expect(chat.box).toHaveValue('')
    await keyboard.press('ArrowUp')
    await keyboard.press('ControlOrMeta+a')
    await keyboard.type('Morning, everybody')
    await keyboard.press('Enter')
    await expect(chat.message('Morning, everybody')).toContainText('(edited)')
    await expect(chat.box).toBeFocused()
  })

  await test.step('walk the messages with arrows and answer one', async () => {
    await chat.list.focus()
    await keyboard.press('ArrowUp')
    await expect(chat.message('Morning, everybody')).toBeFocused()
    await keyboard.press('ArrowUp')
    await expect(chat.message('Good morning')).toBeFocused()
    // Three emoji and the way to all of them come first.
    for (let i = 0; i < 5; i++) await keyboard.press('Tab')
    await expect(chat.message('Good morning').getByRole('button', { name: 'Reply' })).toBeFocused()
    await keyboard.press('Enter')
    await expect(chat.box).toBeFocused()
    await keyboard.type('To you too')
    await keyboard.press('Enter')
    await expect(chat.message('To you too').getByTitle('Go to the message from Ben Okafor')).toBeVisible()
  })

  await test.step('dialogs keep the focus and give it back', async () => {
    const opener = page.getByRole('button', { name: 'New room' }).first()
    await opener.focus()
    await keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'New room' })
    await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused()
    for (let i = 0; i < 12; i++) {
      await keyboard.press('Tab')
      expect(await dialog.evaluate((element) => element.contains(document.activeElement)), 'the focus stays in the dialog').toBe(true)
    }
    await keyboard.press('Escape')
    await expect(dialog).toHaveCount(0)
    await expect(opener).toBeFocused()

    await chat.box.focus()
    await keyboard.press('Control+k')
    await expect(page.getByRole('dialog')).toBeVisible()
    await keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
    await expect(chat.box).toBeFocused()

    const menu = page.getByRole('button', { name: 'Room menu' })
    await menu.focus()
    await keyboard.press('Enter')
    await expect(page.getByRole('menu')).toBeVisible()
    await keyboard.press('Escape')
    await expect(menu).toBeFocused()

    const details = page.getByRole('button', { name: 'Details and members' })
    await details.focus()
    await keyboard.press('Enter')
    await expect(page.getByRole('button', { name: 'Close the details' })).toBeFocused()
    await keyboard.press('Escape')
    await expect(details).toBeFocused()
  })

  await test.step('arrows walk the rooms', async () => {
    const link = chat.rooms.getByRole('link').first()
    await link.focus()
    await keyboard.press('ArrowDown')
    await expect(chat.rooms.getByRole('link').nth(1)).toBeFocused()
    await keyboard.press('Enter')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText((await chat.rooms.locator('a.room-active span.truncate').first().textContent())!)
  })

  await test.step('new messages are spoken', async () => {
    await chat.enter('Harbour')
    await ben.send(harbour!.roomId, 'Tea is ready')
    await expect(page.locator('[aria-live=polite]').filter({ hasText: 'Ben Okafor: Tea is ready' })).toHaveCount(1)
    await expect(chat.list).toHaveRole('log')
  })
})
