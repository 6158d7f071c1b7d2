import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { expect, password, test, type World } from './support/test'

/** A long room in which a hundred messages were said after the one that matters. */
async function long(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  for (let i = 0; i < 60; i++) await ben.send(roomId, `morning log ${i}`)
  const target = await ben.send(roomId, 'The one that matters')
  for (let i = 0; i < 60; i++) await ben.send(roomId, `evening log ${i}`)
  return { anna, ben, roomId, target }
}

test('a link to a message is copied, opens at it, stays there, and works for who has to log in first', async ({ world, narrow }) => {
  const { anna, roomId, target } = await long(world)
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}?message=${target.messageId}`))
  const { page } = annas
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const message = annas.message('The one that matters')
  await expect(message).toBeInViewport()
  await expect(message).toHaveClass(/highlighted/)
  await expect(page).toHaveURL(`/rooms/${roomId}`)
  const top = (await message.boundingBox())!.y
  // Pages load above and below meanwhile; what one came for does not move.
  await expect(annas.list).toHaveAttribute('aria-busy', 'false')
  await page.waitForTimeout(400)
  expect(Math.abs((await message.boundingBox())!.y - top)).toBeLessThanOrEqual(1)

  await annas.act('The one that matters', 'Copy link')
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect(new URL(link).pathname + new URL(link).search).toBe(`/rooms/${roomId}?message=${target.messageId}`)

  const stranger = await world.stranger()
  await stranger.goto(link)
  await stranger.getByLabel('User name').fill('anna')
  await stranger.getByLabel('Password', { exact: true }).fill(password)
  await stranger.getByRole('button', { name: 'Log in' }).click()
  await expect(new Chat(stranger).message('The one that matters')).toBeInViewport()

  world.expectTrouble(/status of 404/)
  await page.goto(`/rooms/${roomId}?message=00000000000000000000000000`)
  await expect(page.getByText('This does not exist any more', { exact: false })).toBeVisible()
  if (!narrow) await expect(annas.box).toBeVisible()
})

test('one jumps to a date from the line of a day and from the switcher', async ({ world, narrow }) => {
  const { anna, roomId } = await long(world)
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const { page } = annas
  await annas.live()
  await page.getByTitle('Jump to the newest message').click()
  await expect(annas.message('evening log 59')).toBeInViewport()
  if (narrow) {
    // The switcher is on the other page there; the line of the day is at the top.
    await annas.list.evaluate((list) => { list.scrollTop = 0 })
    await expect(annas.message('morning log 0')).toBeVisible()
    await page.getByRole('button', { name: 'Today' }).click()
  } else {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('jump to')
    await page.keyboard.press('Enter')
  }
  const dialog = page.getByRole('dialog', { name: 'Jump to a date' })
  await expect(dialog).toBeVisible()
  await expectAccessible(page, 'the calendar')
  await dialog.locator('[data-today]').click()
  await expect(dialog).toHaveCount(0)
  await expect(annas.message('morning log 0')).toBeInViewport()
})

test('who has read is told under the last message they read, unless one of them does not want it', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  await anna.send(roomId, 'Read this')
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  await expect(annas.message('Read this')).toBeVisible()
  await expect(annas.page.getByTestId('readers')).toHaveCount(0)
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await bens.live()
  await bens.page.bringToFront()
  await expect(annas.message('Read this').getByTestId('readers')).toContainText('Read by Ben Okafor')
  await annas.say('And this')
  await expect(annas.message('And this').getByTestId('readers')).toContainText('Read by Ben Okafor')
  await expect(annas.page.getByTestId('readers')).toHaveCount(1)
  await expectAccessible(annas.page, 'a room that tells who has read')
  await annas.act('And this', 'Who read, who reacted')
  await expect(annas.page.getByRole('dialog').getByRole('region', { name: 'Read by' }).getByRole('listitem')).toHaveText(/Ben Okafor/)
  await annas.page.keyboard.press('Escape')

  await ben.setRules({ hideContent: false, readReceipts: false })
  await annas.page.reload()
  await expect(annas.message('And this')).toBeVisible()
  await annas.say('Not told')
  await expect(bens.message('Not told')).toBeVisible()
  await expect(annas.page.getByTestId('readers')).toHaveCount(0)
})
