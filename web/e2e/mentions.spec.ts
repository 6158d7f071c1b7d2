import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { expect, test, type World } from './support/test'

/** Anna and Ben, members of the room Harbour; Anna founded it. */
async function people(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  return { anna, ben, roomId }
}

test('one mentions with a completion, and the one who is meant sees it stand out, in words too', async ({ world }) => {
  const { anna, ben, roomId } = await people(world)
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await annas.live()
  await bens.live()
  await bens.box.pressSequentially('Tell @an')
  await bens.page.getByRole('option', { name: /Anna Lind/ }).click()
  await bens.box.press('Enter')
  await bens.box.pressSequentially('To @ro')
  await expect(bens.page.getByRole('option', { name: /Everybody in this room/ })).toBeVisible()
  await bens.box.press('Enter')
  await bens.box.press('Enter')

  const named = annas.message('Tell @anna')
  await expect(named).toContainText('mentions you')
  await expect(named.locator('.mention-me')).toHaveText('@anna')
  await expect(annas.message('To @room')).toContainText('mentions you')
  await expect(bens.message('Tell @anna').locator('.mention')).not.toHaveClass(/mention-me/)
  await expect(bens.message('Tell @anna')).not.toContainText('mentions you')
  await expect(bens.message('To @room').locator('.mention')).toHaveText('@room')
  await expectAccessible(annas.page, 'a room with mentions')
  expect((await anna.history(roomId)).map((message) => message.mentions)).toEqual([[anna.user.userId], ['@room']])
})

test('mentions are counted in the list, and one step leads to the first', async ({ world, narrow }) => {
  const { anna, ben, roomId } = await people(world)
  await ben.send(roomId, 'The first for @anna')
  for (let i = 0; i < 60; i++) await ben.send(roomId, `harbour log ${i}`)
  await ben.send(roomId, 'The second for @anna')
  const garden = await anna.createRoom('public', 'garden')
  const annas = new Chat(await world.open(anna, narrow ? '/' : `/rooms/${garden.roomId}`))
  await annas.toRooms()
  await expect(annas.entry('Harbour')).toContainText('2 mentions')
  await expect(annas.page.getByRole('link', { name: 'Notifications, 2 unread' })).toBeVisible()

  await annas.enter('Harbour')
  await expect(annas.message('The first for @anna')).toBeInViewport()
  const jump = annas.page.getByTitle('Jump to the first mention')
  await expect(jump).toHaveText('1 mention')
  await expectAccessible(annas.page, 'a room with a mention further down')
  await jump.click()
  await expect(annas.message('The second for @anna')).toBeInViewport()
  await expect(jump).toHaveCount(0)
})

test('the bell leads to what was meant for one, newest first, at its message', async ({ world }) => {
  const { anna, ben, roomId } = await people(world)
  const question = await anna.send(roomId, 'Who has the key?')
  await ben.send(roomId, 'I do.', question.messageId)
  for (let i = 0; i < 80; i++) await ben.send(roomId, `harbour log ${i}`)
  await ben.send(roomId, 'See you at nine, @anna')
  await ben.send((await ben.direct(anna)).roomId, 'Psst')
  const annas = new Chat(await world.open(anna, '/'))
  const { page } = annas
  await annas.toRooms()
  await page.getByRole('link', { name: /^Notifications, \d unread$/ }).click()
  const list = page.getByRole('list', { name: 'Notifications' }).getByRole('listitem')
  await expect(list).toHaveText([/Ben Okafor wrote to you.*Psst/, /Ben Okafor mentioned you in Harbour.*See you at nine/, /Ben Okafor answered you in Harbour.*I do\./])
  await expect(list.filter({ hasText: 'new' })).toHaveCount(3)
  await expectAccessible(page, 'notifications')
  await list.nth(2).getByRole('link').click()
  await expect(annas.message('I do.')).toBeInViewport()
  await expect(annas.message('I do.')).toHaveClass(/highlighted/)

  await page.goBack()
  await ben.send(roomId, 'One more, @anna')
  await expect(list.first()).toContainText('One more')
})

test('a room tells everything, mentions or nothing; a muted one is quiet', async ({ world }) => {
  const { anna, ben, roomId } = await people(world)
  await anna.createRoom('public', 'garden')
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const { page } = annas
  await page.getByRole('button', { name: 'Details and members' }).click()
  const levels = page.getByRole('group', { name: 'What should this room tell you?' })
  await expect(levels.getByRole('radio', { name: /As usual/ })).toBeChecked()
  await levels.getByRole('radio', { name: /Nothing/ }).check()
  await expect.poll(async () => (await anna.rooms()).find((room) => room.roomId === roomId)!.notify).toBe('nothing')
  await page.getByRole('button', { name: 'Close the details' }).click()
  await annas.enter('garden')
  await annas.toRooms()
  await ben.send(roomId, 'Not so loud, @anna')
  await expect(annas.entry('Harbour')).toContainText('1 unread message')
  await expect(annas.entry('Harbour').getByRole('img', { name: 'muted' })).toBeVisible()
  await expect(annas.entry('Harbour').getByText('Harbour', { exact: true })).toHaveCSS('font-weight', '500')
  await expect(page.getByRole('link', { name: 'Notifications', exact: true })).toBeVisible()
  await page.reload()
  await annas.toRooms()
  await expect(annas.entry('Harbour').getByRole('img', { name: 'muted' })).toBeVisible()
})

test('one pauses, has quiet hours in a time zone, and hides what is said; all devices know', async ({ world }) => {
  const { anna } = await people(world)
  const page = await world.open(anna, '/settings')
  const section = page.getByRole('region', { name: 'Notifications', exact: true })
  await expect(section.getByText('Not paused')).toBeVisible()
  await section.getByRole('button', { name: 'For 1 hour' }).click()
  await expect(section.getByText(/^Paused until /)).toBeVisible()
  await section.getByRole('switch', { name: 'Quiet hours' }).click()
  await section.getByLabel('From').fill('21:30')
  await section.getByLabel('From').blur()
  await section.getByLabel('Time zone').selectOption('Asia/Tokyo')
  await section.getByRole('checkbox', { name: 'Sunday' }).uncheck()
  await section.getByRole('switch', { name: 'Hide the content' }).click()
  await section.getByRole('switch', { name: 'Show what has been read' }).click()
  await expectAccessible(page, 'settings of notifications')
  await expect.poll(() => anna.rules()).toMatchObject({
    quiet: { from: '21:30', to: '07:00', timeZone: 'Asia/Tokyo', days: [1, 2, 3, 4, 5, 6] }, hideContent: true, readReceipts: false, pausedUntil: expect.any(Number),
  })
  await page.reload()
  await expect(section.getByText(/^Paused until /)).toBeVisible()
  await expect(section.getByLabel('Time zone')).toHaveValue('Asia/Tokyo')
  await section.getByRole('button', { name: 'End the pause' }).click()
  await expect(section.getByText('Not paused')).toBeVisible()
  await expect.poll(async () => (await anna.rules()).pausedUntil ?? 0).toBe(0)
})
