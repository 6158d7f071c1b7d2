import { Chat } from './support/chat'
import { expect, test, type World } from './support/test'

/** Anna and Ben, both in the room Harbour with their browsers. */
async function two(world: World) {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const path = `/rooms/${harbour!.roomId}`
  const annas = new Chat(await world.open(anna, path))
  const bens = new Chat(await world.open(ben, path))
  await annas.live()
  await bens.live()
  return { anna, ben, annas, bens, roomId: harbour!.roomId }
}

test('both see the same messages in the same order, and who types', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  await annas.say('The ferry leaves at nine.')
  await expect(bens.message('The ferry leaves at nine.')).toBeVisible()

  await bens.box.pressSequentially('I will be')
  await expect(annas.page.getByTestId('typing')).toHaveText('Ben Okafor is typing…')
  await expect(bens.page.getByTestId('typing')).toHaveText('')
  await bens.box.fill('I will be there.')
  await bens.box.press('Enter')
  await expect(annas.message('I will be there.')).toBeVisible()
  await expect(annas.page.getByTestId('typing')).toHaveText('')

  const lines = Array.from({ length: 8 }, (_, i) => `line ${i}`)
  for (const line of lines) await (line.endsWith('0') || line.endsWith('4') ? bens : annas).say(line)
  await expect(annas.message('line 7')).toBeVisible()
  await expect(bens.message('line 7')).toBeVisible()
  await expect(annas.list.locator('[data-state="sending"], [data-state="waiting"]')).toHaveCount(0)
  await expect(bens.list.locator('[data-state="sending"], [data-state="waiting"]')).toHaveCount(0)
  const stored = (await anna.history(roomId)).map((message) => message.content)
  expect(stored).toHaveLength(10)
  expect(await annas.shown()).toEqual(stored)
  expect(await bens.shown()).toEqual(stored)
})

test('people are seen to come and go, in a word', async ({ world }) => {
  const { annas, ben, bens } = await two(world)
  await annas.page.getByRole('button', { name: 'Details and members' }).click()
  const row = annas.page.getByRole('complementary').getByRole('listitem').filter({ hasText: 'Ben Okafor' })
  await expect(row).toContainText('online')
  await bens.page.context().close()
  await expect(row).toContainText('last seen', { timeout: 20_000 })
  await expect(row).not.toContainText('online')
  await world.open(ben)
  await expect(row).toContainText('online', { timeout: 20_000 })
})

test('what is unread is counted and bold, stands under a line, and is read once seen', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  for (let i = 0; i < 30; i++) await anna.send(roomId, `harbour log ${i}`)
  await anna.createRoom('public', 'garden')
  await annas.enter('garden')
  await annas.toRooms()
  await bens.say('The first of two')
  await bens.say('The second of two')
  const entry = annas.entry('Harbour')
  await expect(entry).toContainText('2 unread messages')
  await expect(entry.getByText('Harbour', { exact: true })).toHaveCSS('font-weight', '700')
  await expect(entry).toContainText('The second of two')

  await annas.enter('Harbour')
  const line = annas.page.getByTestId('new-line')
  await expect(line).toBeVisible()
  const [above, below] = [await line.boundingBox(), await annas.message('The first of two').boundingBox()]
  expect(above!.y).toBeLessThan(below!.y)
  const last = await annas.message('harbour log 29').boundingBox()
  if (last) expect(last.y).toBeLessThan(above!.y)
  await expect(annas.message('The second of two')).toBeInViewport()
  await annas.toRooms()
  await expect(entry).not.toContainText('unread')
  await expect(entry.getByText('Harbour', { exact: true })).toHaveCSS('font-weight', '500')
})

test('who reads further up is told of what is new, and one step brings back to the present', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  for (let i = 0; i < 60; i++) await anna.send(roomId, `harbour log ${i}`)
  await expect(annas.message('harbour log 59')).toBeInViewport()
  await expect(annas.page.getByTitle('Jump to the newest message')).toHaveCount(0)
  await annas.list.hover()
  await annas.page.mouse.wheel(0, -1200)
  await expect(annas.page.getByTitle('Jump to the newest message')).toBeVisible()
  await expect(annas.message('harbour log 59')).not.toBeInViewport()

  await bens.say('Something new')
  const jump = annas.page.getByTitle('Jump to the newest message')
  await expect(jump).toHaveText('1 new message')
  await expect(annas.message('Something new')).not.toBeInViewport()
  await jump.click()
  await expect(annas.message('Something new')).toBeInViewport()
  await expect(jump).toHaveCount(0)
})

test('a message is answered, changed and taken back, and both see it at once', async ({ world }) => {
  const { anna, annas, bens, roomId } = await two(world)
  await annas.say('Shall we meet at noon?')
  await expect(bens.message('Shall we meet at noon?')).toBeVisible()

  await bens.act('Shall we meet at noon?', 'Reply')
  await expect(bens.page.getByTestId('composer')).toContainText('Reply to Anna Lind')
  await expect(bens.box).toBeFocused()
  await bens.say('At noon I am at sea.')
  const answer = annas.message('At noon I am at sea.')
  await expect(answer.getByTitle('Go to the message from Anna Lind')).toContainText('Shall we meet at noon?')

  await annas.act('Shall we meet at noon?', 'Edit')
  await expect(annas.box).toHaveValue('Shall we meet at noon?')
  await annas.box.fill('Shall we meet at two?')
  await annas.box.press('Enter')
  await expect(bens.message('Shall we meet at two?')).toContainText('(edited)')
  await expect(bens.message('Shall we meet at noon?')).toHaveCount(0)
  await expect(answer.getByTitle('Go to the message from Anna Lind')).toContainText('Shall we meet at two?')
  await expect(annas.box).toHaveValue('')

  await bens.act('At noon I am at sea.', 'Delete')
  await bens.page.getByRole('dialog', { name: 'Delete this message?' }).getByRole('button', { name: 'Delete', exact: true }).click()
  for (const chat of [annas, bens]) {
    await expect(chat.message('At noon I am at sea.')).toHaveCount(0)
    await expect(chat.list.getByText('This message was deleted.')).toBeVisible()
  }
  const [first, second] = await anna.history(roomId)
  expect(first).toMatchObject({ content: 'Shall we meet at two?', editedAt: expect.any(Number) })
  expect(second).toMatchObject({ content: '', deletedAt: expect.any(Number) })
})

test('Markdown is drawn, and nothing in a message is ever run', async ({ world }) => {
  const { annas, bens, anna, roomId } = await two(world)
  await annas.box.fill('**Loud**, *soft* and `code`\n\n```js\nconst tide = "high" // <b>\n```\n\n- one\n- two\n\nhttps://example.org/tides')
  await annas.box.press('Enter')
  const drawn = bens.list.locator('.prose').last()
  await expect(drawn.locator('strong')).toHaveText('Loud')
  await expect(drawn.locator('em')).toHaveText('soft')
  await expect(drawn.locator('pre code')).toContainText('const tide = "high" // <b>')
  await expect(drawn.locator('li')).toHaveText(['one', 'two'])
  await expect(drawn.getByRole('link')).toHaveAttribute('rel', /noopener/)
  await expect(drawn.getByRole('link')).toHaveAttribute('target', '_blank')
  await expect(drawn.locator('pre')).toHaveAttribute('tabindex', '0')

  const hostile = [
    '<script>window.run = 1</script>',
    '<img src=x onerror="window.run = 1">',
    '[link](javascript:window.run=1)',
    '<svg onload=window.run=1></svg><iframe srcdoc="<script>parent.run=1</script>"></iframe>',
    '![picture](https://example.org/spy.png)',
    '<a href="javascript:window.run=1" style="position:fixed;inset:0">all</a>',
  ]
  for (const text of hostile) await anna.send(roomId, text)
  await annas.page.reload()
  for (const chat of [annas, bens]) {
    await expect(chat.list.getByText('position:fixed')).toBeVisible()
    const parts = await chat.list.evaluate((list) => ({
      strange: list.querySelectorAll('.prose :is(script, img, iframe, svg, style, object, form, [onerror], [onload], [style])').length,
      links: [...list.querySelectorAll<HTMLAnchorElement>('.prose a')].map((link) => link.protocol),
    }))
    expect(parts.strange).toBe(0)
    expect(new Set(parts.links)).toEqual(new Set(['https:']))
    expect(await chat.page.evaluate(() => 'run' in window)).toBe(false)
  }
})
