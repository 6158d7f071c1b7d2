import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('a conversation with somebody who is away waits for them', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const annas = new Chat(await world.open(anna))
  await annas.toRooms()
  await annas.page.getByRole('button', { name: 'New direct message' }).first().click()
  const dialog = annas.page.getByRole('dialog', { name: 'New direct message' })
  await dialog.getByRole('textbox', { name: 'Search for people' }).fill('okaf')
  await dialog.getByRole('button', { name: 'Ben Okafor' }).click()
  await dialog.getByRole('button', { name: 'Start' }).click()
  await expect(annas.heading('Ben Okafor')).toBeVisible()
  await expect(annas.page.getByRole('heading', { name: 'A new conversation with Ben Okafor' })).toBeVisible()
  await expect(annas.page.getByRole('banner').or(annas.page.locator('header')).getByText('away').first()).toBeVisible()
  await annas.say('Are you coming on Sunday?')
  await annas.say('We could take the boat.')

  const bens = new Chat(await world.open(ben))
  await bens.toRooms()
  const entry = bens.entry('Anna Lind')
  await expect(entry).toContainText('2 unread messages')
  await expect(entry).toContainText('online')
  await bens.enter('Anna Lind')
  await expect(bens.message('We could take the boat.')).toBeInViewport()
  expect(await bens.shown()).toEqual(['Are you coming on Sunday?', 'We could take the boat.'])
  await expect(annas.page.locator('section > header').getByText('online')).toBeVisible()
  await bens.say('Gladly.')
  await expect(annas.message('Gladly.')).toBeVisible()

  // The same two people always have the same conversation.
  expect((await ben.direct(anna)).roomId).toBe(new URL(annas.page.url()).pathname.split('/').pop())
})

test('three people talk directly, and a fourth neither sees nor hears it', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const cleo = await world.register('cleo', 'Cleo Marsh')
  const dora = await world.register('dora', 'Dora Wells')
  const [annas, bens, cleos, doras] = await Promise.all([anna, ben, cleo, dora].map(async (who) => new Chat(await world.open(who)))) as [Chat, Chat, Chat, Chat]
  await annas.toRooms()
  await annas.page.getByRole('button', { name: 'New direct message' }).first().click()
  const dialog = annas.page.getByRole('dialog', { name: 'New direct message' })
  for (const name of ['Ben Okafor', 'Cleo Marsh']) {
    await dialog.getByRole('textbox', { name: 'Search for people' }).fill(name.toLowerCase().slice(0, 4))
    await dialog.getByRole('button', { name, exact: false }).first().click()
  }
  await dialog.getByRole('button', { name: 'Start' }).click()
  await expect(annas.box).toBeVisible()
  await annas.say('Just the three of us.')

  for (const chat of [bens, cleos]) {
    await chat.toRooms()
    await chat.rooms.getByRole('link').filter({ hasText: 'Just the three of us.' }).click()
    await expect(chat.message('Just the three of us.')).toBeVisible()
  }
  await bens.say('Good to know.')
  await expect(cleos.message('Good to know.')).toBeVisible()
  await expect(annas.message('Good to know.')).toBeVisible()

  await doras.toRooms()
  await expect(doras.entry('Harbour')).toBeVisible()
  await expect(doras.page.getByText('three of us')).toHaveCount(0)
  await expect(doras.rooms.getByRole('link')).toHaveCount(1)
  expect(await dora.rooms()).toHaveLength(1)
  world.expectTrouble(/status of 404/)
  await doras.page.goto(new URL(annas.page.url()).pathname)
  await expect(doras.page.getByRole('heading', { name: 'This room is not here' })).toBeVisible()
})
