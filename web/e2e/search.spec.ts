import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('messages are found as one types, and each leads to its place', async ({ world, narrow }) => {
  const ann = await world.register('ann', 'Ann Lind')
  const bob = await world.register('bob', 'Bob Okafor')
  const [harbour] = await ann.rooms()
  const { roomId } = harbour!
  await ann.send(roomId, 'Die **Straße** zum Hafen ist gesperrt')
  const secret = await ann.send(roomId, 'Straße: a slip of the tongue')
  for (let i = 1; i <= 120; i++) await ann.send(roomId, `line ${i}`)
  const last = await ann.send(roomId, 'The last strasse of all')
  await bob.markRead(roomId, last.seq)
  await ann.delete(secret)
  const garden = await ann.createRoom('public', 'garden')
  await bob.join(garden.roomId)
  await ann.send(garden.roomId, '明日東京の Straße へ')
  const closed = await ann.createRoom('private', 'closed')
  await ann.send(closed.roomId, 'a strasse that is nobody else’s')

  const page = await world.open(bob, `/rooms/${roomId}`)
  const chat = new Chat(page)
  await expect(chat.message('The last strasse of all')).toBeVisible()
  const search = page.getByRole('search', { name: 'Search messages' })
  const box = search.getByRole('textbox', { name: 'Words in messages' })
  const results = search.getByRole('list', { name: 'Messages found' }).getByRole('listitem')
  const open = async () => {
    if (narrow) await page.getByRole('button', { name: 'Search messages' }).click()
    else await page.keyboard.press('Control+Shift+f')
    await expect(box).toBeFocused()
  }

  await test.step('in this room, the newest first, as they read', async () => {
    await open()
    await expect(search).toContainText('What are you looking for?')
    await box.pressSequentially('STRASSE')
    await expect(search.getByRole('status').first()).toHaveText('2 messages found')
    await expect(results).toHaveCount(2)
    await expect(results.first()).toContainText('The last strasse of all')
    await expect(results.last().locator('mark')).toHaveText('Straße')
    await expect(results.last()).toContainText('Die Straße zum Hafen')
    await expectAccessible(page, 'results of a search')
  })

  await test.step('arrow keys lead to one far back, Enter goes there', async () => {
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await expect(results.last().getByRole('link')).toBeFocused()
    await page.keyboard.press('Enter')
    const place = chat.message('Die Straße zum Hafen ist gesperrt')
    await expect(place).toBeInViewport()
    await expect(place).toHaveClass(/highlighted/)
    if (narrow) await expect(search).toHaveCount(0)
    else await expect(results.last().getByRole('link')).toBeFocused()
  })

  await test.step('in all rooms that one is in, and only there', async () => {
    if (narrow) {
      await open()
      await box.fill('strasse')
    } else {
      await page.keyboard.press('ArrowUp')
      await page.keyboard.press('ArrowUp')
      await expect(box).toBeFocused()
    }
    await search.getByText('All rooms').click()
    await expect(search.getByRole('status').first()).toHaveText('3 messages found')
    await expect(results.first()).toContainText('garden')
    await results.first().getByRole('link').click()
    await expect(chat.heading('garden')).toBeVisible()
    await expect(chat.message('明日東京の Straße へ')).toHaveClass(/highlighted/)
    if (!narrow) await expect(results).toHaveCount(3)
  })

  await test.step('from the switcher; nothing of the others', async () => {
    if (!narrow) {
      await box.focus()
      await page.keyboard.press('Escape')
      await expect(search).toHaveCount(0)
      await page.keyboard.press('Control+k')
      await expect(page.getByRole('combobox', { name: 'Room, person or command' })).toBeFocused()
      await page.keyboard.type('nobody else')
      await page.getByRole('option', { name: 'Search all messages for “nobody else”' }).click()
      await expect(box).toBeFocused()
    } else {
      await open()
      await box.fill('nobody else')
    }
    await expect(search).toContainText('Nothing found for “nobody else”.')
    await box.fill('one two three four five six seven eight nine')
    await expect(search.getByRole('alert')).toHaveText('At most 8 words at once.')
    await box.fill('line')
    await search.getByRole('combobox', { name: 'Who wrote it' }).selectOption('From me')
    await expect(search).toContainText('Nothing found')
  })

  await test.step('without a network it says so, and goes on with it', async () => {
    world.expectTrouble(/net::ERR_INTERNET_DISCONNECTED/, /WebSocket connection .* failed/)
    await page.context().setOffline(true)
    await expect(search).toContainText('Searching needs the network.')
    await page.context().setOffline(false)
    await expect(search).toContainText('Nothing found', { timeout: 30_000 })
    await search.getByRole('button', { name: 'Close the search' }).click()
    await expect(search).toHaveCount(0)
  })
})
