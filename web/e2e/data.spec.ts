import { readFileSync } from 'node:fs'
import { expectAccessible } from './support/axe'
import { Chat } from './support/chat'
import { expect, password, test } from './support/test'

test('one sees what one wrote in all rooms, takes everything along, and erases the account with a report', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  const garden = await anna.createRoom('public', 'garden')
  await ben.join(garden.roomId)
  await ben.send(roomId, 'Words in the harbour')
  await ben.send(garden.roomId, 'Words in the garden')
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  await expect(annas.message('Words in the harbour')).toBeVisible()

  const page = await world.open(ben, '/settings')
  const section = page.getByRole('region', { name: 'Your data' })
  await expectAccessible(page, 'settings of data')
  await section.getByRole('link', { name: 'My messages' }).click()
  const own = page.getByRole('list', { name: 'My messages' }).getByRole('listitem')
  await expect(own).toHaveText([/garden.*Words in the garden/, /Harbour.*Words in the harbour/])
  await expectAccessible(page, 'my messages')
  await own.first().getByRole('link').click()
  await expect(new Chat(page).message('Words in the garden')).toBeInViewport()

  await page.goto('/settings')
  const download = page.waitForEvent('download')
  await section.getByRole('button', { name: 'Download everything about me' }).click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^parley-ben\./)
  expect(readFileSync(await file.path()).length).toBeGreaterThan(100)

  world.expectTrouble(/status of 40[013]/)
  await section.getByRole('button', { name: 'Erase my account' }).click()
  const dialog = page.getByRole('dialog', { name: 'Erase your account for good?' })
  await expectAccessible(page, 'erasing the account')
  await dialog.getByLabel('Current password').fill('not the password')
  await dialog.getByRole('button', { name: 'Erase for good' }).click()
  await expect(dialog.getByRole('alert')).toHaveText('The current password is wrong.')
  await dialog.getByLabel('Current password').fill(password)
  await dialog.getByRole('button', { name: 'Erase for good' }).click()
  const report = page.getByTestId('erasure')
  await expect(report).toContainText('2 messages')
  await expect(page).toHaveURL(/\/login/)
  await expectAccessible(page, 'the report of an erasure')
  await expect(annas.message('Words in the harbour')).toHaveCount(0)
  await expect(annas.list.getByText('This message was deleted.')).toBeVisible()
})
