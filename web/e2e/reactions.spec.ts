import { expectAccessible } from './support/axe'
import { Chat, longPress } from './support/chat'
import { expect, test, type World } from './support/test'

/** Anna and Ben in the room Harbour, where Ben has said something. */
async function two(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const { roomId } = (await anna.rooms())[0]!
  await ben.send(roomId, 'The ferry is back')
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await annas.live()
  await bens.live()
  return { anna, ben, annas, bens, roomId }
}

const chip = (chat: Chat, text: string, name: RegExp) => chat.message(text).getByTestId('reactions').getByRole('button', { name })

test('one reacts with what is at hand, others see it with its names, and a second click takes it back', async ({ world, narrow }) => {
  const { anna, annas, bens, roomId } = await two(world)
  if (narrow) {
    await longPress(annas.message('The ferry is back').locator('.prose'))
    await expectAccessible(annas.page, 'the sheet with emoji')
    await annas.page.getByRole('dialog').getByRole('button', { name: 'React with 🎉' }).tap()
  } else {
    await annas.message('The ferry is back').hover()
    await annas.page.getByRole('toolbar').getByRole('button', { name: 'React with 👍' }).click()
    await annas.page.mouse.move(0, 0)
  }
  const emoji = narrow ? '🎉' : '👍'
  await expect(chip(annas, 'The ferry is back', /you$/)).toHaveAttribute('aria-pressed', 'true')
  await expect(annas.page.getByText(`You reacted with ${emoji}.`)).toHaveCount(1)
  const seen = chip(bens, 'The ferry is back', /1 reaction: Anna Lind/)
  await expect(seen).toHaveAttribute('aria-pressed', 'false')
  await expect(bens.page.getByText(`Anna Lind reacted with ${emoji} to: The ferry is back`)).toHaveCount(1)
  await seen.click()
  await expect(chip(bens, 'The ferry is back', /2 reactions: Anna Lind and you/)).toHaveAttribute('aria-pressed', 'true')
  await expect(chip(annas, 'The ferry is back', /2 reactions: you and Ben Okafor/)).toBeVisible()
  await expectAccessible(annas.page, 'a message with reactions')
  expect((await anna.history(roomId))[0]!.reactions).toEqual({ [emoji]: [expect.any(String), expect.any(String)] })

  await chip(annas, 'The ferry is back', /you and Ben/).click()
  await expect(chip(annas, 'The ferry is back', /1 reaction: Ben Okafor/)).toHaveAttribute('aria-pressed', 'false')
  await chip(bens, 'The ferry is back', /1 reaction: you/).click()
  for (const chat of [annas, bens]) await expect(chat.list.getByTestId('reactions')).toHaveCount(0)
  expect((await anna.history(roomId))[0]!.reactions).toEqual({})
})

test('any emoji can be found by its word, with the keyboard alone, and who reacted is listed', async ({ world, narrow }) => {
  const { annas } = await two(world)
  const { page } = annas
  if (narrow) {
    await longPress(annas.message('The ferry is back').locator('.prose'))
    await page.getByRole('dialog').getByRole('button', { name: 'Add a reaction' }).tap()
    await page.getByRole('dialog').getByRole('textbox', { name: 'Search emoji' }).fill('rocket')
    await page.getByRole('dialog').getByRole('button', { name: 'rocket', exact: true }).tap()
  } else {
    await annas.list.focus()
    await page.keyboard.press('ArrowUp')
    await expect(annas.message('The ferry is back')).toBeFocused()
    await page.getByRole('toolbar').getByRole('button', { name: 'Add a reaction' }).press('Enter')
    await expect(page.getByRole('dialog', { name: 'Add a reaction' })).toBeVisible()
    await expectAccessible(page, 'the picker of reactions')
    await page.keyboard.type('rocket')
    await expect(page.getByRole('button', { name: 'rocket', exact: true })).toBeVisible()
    await page.keyboard.press('Enter')
    await expect(annas.message('The ferry is back')).toBeFocused()
  }
  await expect(chip(annas, 'The ferry is back', /^🚀 1 reaction: you/)).toBeVisible()
  await annas.act('The ferry is back', 'Who read, who reacted')
  const details = page.getByRole('dialog', { name: 'Who read, who reacted' })
  await expect(details.getByRole('region', { name: '🚀' }).getByRole('listitem')).toHaveText(/you$/)
  await expectAccessible(page, 'who reacted')
  await page.keyboard.press('Escape')
  // What one uses is at hand from then on.
  if (narrow) await longPress(annas.message('The ferry is back').locator('.prose'))
  else {
    await page.mouse.move(0, 0)
    await annas.message('The ferry is back').hover()
  }
  await expect(page.getByRole('button', { name: 'React with 🚀' })).toBeVisible()
})

test('a reaction that the server refuses goes again, with a word', async ({ world }) => {
  const { annas, ben, anna, roomId } = await two(world)
  await ben.react((await ben.history(roomId))[0]!, '👍')
  world.expectTrouble(/status of 503/)
  await annas.page.route('**/reactions/**', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"unavailable"}' }))
  await chip(annas, 'The ferry is back', /1 reaction: Ben Okafor/).click()
  await expect(annas.page.getByText('Your reaction could not be saved.', { exact: false })).toBeVisible()
  await expect(chip(annas, 'The ferry is back', /1 reaction: Ben Okafor/)).toHaveAttribute('aria-pressed', 'false')
  expect((await anna.history(roomId))[0]!.reactions).toEqual({ '👍': [ben.user.userId] })
})
