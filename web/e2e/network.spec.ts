import { Chat } from './support/chat'
import { expect, test } from './support/test'

test('without a network messages wait, survive a reload, and go out once and in order', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  const bens = new Chat(await world.open(ben, `/rooms/${roomId}`))
  await Promise.all([annas.live(), bens.live()])
  await annas.say('before the tunnel')
  await expect(annas.message('before the tunnel')).toHaveAttribute('data-state', 'sent')
  await expect(bens.message('before the tunnel')).toBeVisible()
  world.expectTrouble(/net::ERR_(INTERNET_DISCONNECTED|FAILED|NETWORK_CHANGED)/, /WebSocket connection .* failed/)
  const context = annas.page.context()

  await test.step('offline, what one writes waits where one sees it', async () => {
    await context.setOffline(true)
    await expect(annas.trouble).toContainText('You are offline')
    await annas.say('one')
    await annas.say('two')
    await expect(annas.message('one')).toHaveAttribute('data-state', 'waiting')
    await expect(annas.message('two')).toContainText('Waiting for the network')
    await expect(annas.trouble).toContainText('2 messages waiting')
    await bens.say('meanwhile outside')
    await expect(bens.message('one')).toHaveCount(0)
  })

  await test.step('they are still there after a reload in which nothing but the page itself can be reached', async () => {
    await context.route('**/api/**', (route) => route.abort())
    await context.setOffline(false)
    await annas.page.reload()
    await expect(annas.message('before the tunnel')).toBeVisible()
    await expect(annas.message('one')).toHaveAttribute('data-state', 'waiting')
    await expect(annas.trouble).toContainText('2 messages waiting')
    await annas.say('three')
    await expect(annas.trouble).toContainText('3 messages waiting')
    expect(await annas.shown()).toEqual(['before the tunnel', 'one', 'two', 'three'])
    expect((await ben.history(roomId)).map((message) => message.content)).toEqual(['before the tunnel', 'meanwhile outside'])
  })

  await test.step('back online both sides are equal', async () => {
    await context.unroute('**/api/**')
    await annas.trouble.getByRole('button', { name: 'Try now' }).click({ timeout: 5_000 }).catch(() => undefined)
    await expect(annas.trouble).toHaveCount(0, { timeout: 30_000 })
    await expect(bens.message('three')).toBeVisible()
    await expect(annas.list.locator('[data-state="waiting"], [data-state="sending"], [data-state="failed"]')).toHaveCount(0)
    const stored = (await ben.history(roomId)).map((message) => message.content)
    expect(stored).toEqual(['before the tunnel', 'meanwhile outside', 'one', 'two', 'three'])
    expect(await annas.shown()).toEqual(stored)
    expect(await bens.shown()).toEqual(stored)
  })
})

test('changes made while one was offline are there after the return, with no reload', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const first = await ben.send(roomId, 'the frst draft')
  const second = await ben.send(roomId, 'a secret')
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  await expect(annas.message('a secret')).toBeVisible()
  world.expectTrouble(/net::ERR_INTERNET_DISCONNECTED/, /WebSocket connection .* failed/)
  await annas.page.context().setOffline(true)
  await expect(annas.trouble).toContainText('You are offline')
  await ben.edit(first, 'the first draft')
  await ben.delete(second)
  await ben.send(roomId, 'and one more')
  await ben.createRoom('private', 'annex').then((room) => ben.add(room.roomId, anna))
  await annas.page.context().setOffline(false)
  await expect(annas.message('and one more')).toBeVisible()
  await expect(annas.message('the first draft')).toContainText('(edited)')
  await expect(annas.message('the frst draft')).toHaveCount(0)
  await expect(annas.message('a secret')).toHaveCount(0)
  await expect(annas.list.getByText('This message was deleted.')).toBeVisible()
  await annas.toRooms()
  await expect(annas.entry('annex')).toBeVisible()
})

test('what the server refuses is shown as such, can be tried again or thrown away, and holds nothing up', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const annas = new Chat(await world.open(anna, `/rooms/${roomId}`))
  await annas.live()
  world.expectTrouble(/net::ERR_(INTERNET_DISCONNECTED|FAILED)/, /WebSocket connection .* failed/, /status of 403/)
  const { page } = annas
  await page.context().setOffline(true)
  await expect(annas.trouble).toContainText('You are offline')
  for (const text of ['refused', 'also refused', 'taken']) await annas.say(text)

  // No socket, so that the queue goes out by plain requests; two of them are refused on the way.
  await page.route('**/api/v1/ws-tickets', (route) => route.abort())
  await page.route('**/api/v1/rooms/*/messages', (route) => {
    if (!/refused/.test(route.request().postData() ?? '')) return route.continue()
    const problem = { type: 'about:blank', title: 'Forbidden', status: 403, code: 'forbidden', detail: 'Not now.' }
    return route.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify(problem) })
  })
  await page.context().setOffline(false)
  await expect(annas.message('taken')).toHaveAttribute('data-state', 'sent', { timeout: 40_000 })
  await expect(annas.message('refused')).toContainText('Not sent: You are not allowed to do this here.')
  await annas.message('also refused').getByRole('button', { name: 'Delete' }).click()
  await expect(annas.message('also refused')).toHaveCount(0)

  await page.unroute('**/api/v1/rooms/*/messages')
  await page.unroute('**/api/v1/ws-tickets')
  await annas.message('refused').getByRole('button', { name: 'Send again' }).click()
  await expect(annas.message('refused')).toHaveAttribute('data-state', 'sent', { timeout: 30_000 })
  expect((await anna.history(roomId)).map((message) => message.content)).toEqual(['taken', 'refused'])
  await expect.poll(() => annas.shown()).toEqual(['taken', 'refused'])
})

test('the last words before a page goes are kept: a draft, and the message that was just sent', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  await annas.live()
  await annas.say('sent')
  await expect(annas.message('sent')).toHaveAttribute('data-state', 'sent')
  await annas.box.fill('half a thought')
  world.expectTrouble(/net::ERR_FAILED/)
  await annas.page.context().route('**/api/**', (route) => route.abort())
  await annas.page.reload()
  await expect(annas.message('sent')).toBeVisible()
  await expect(annas.box).toHaveValue('half a thought')
})

test('where no socket gets through, two people talk all the same, and the socket is taken when it does', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const roomId = harbour!.roomId
  const path = `/rooms/${roomId}`
  const bens = new Chat(await world.open(ben, path))
  await bens.live()
  const page = await world.open(anna, 'about:blank')
  // As a proxy does that knows nothing of sockets. They do not pass where requests can be answered for them.
  world.expectTrouble(/WebSocket connection .* failed/)
  await page.addInitScript(() => {
    const Genuine = WebSocket
    window.WebSocket = class extends Genuine {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(sessionStorage.getItem('socketsPass') ? url : 'ws://127.0.0.1:9/', protocols)
      }
    }
  })
  await page.goto(path)
  const annas = new Chat(page)
  await annas.live()
  await expect(annas.trouble).toContainText('using the slower way')

  const said: string[] = []
  for (let round = 1; round <= 4; round++) {
    await annas.say(`anna ${round}`)
    await expect(bens.message(`anna ${round}`)).toBeVisible()
    await bens.say(`ben ${round}`)
    await expect(annas.message(`ben ${round}`)).toBeVisible()
    said.push(`anna ${round}`, `ben ${round}`)
  }
  await bens.box.pressSequentially('hm')
  await expect(page.getByText('Ben Okafor is typing')).toBeVisible()
  await bens.box.fill('')

  await page.evaluate(() => sessionStorage.setItem('socketsPass', 'yes'))
  await annas.trouble.getByRole('button', { name: 'Try now' }).click()
  await expect(annas.trouble).toHaveCount(0, { timeout: 30_000 })
  await annas.live()
  await bens.say('and live again')
  await expect(annas.message('and live again')).toBeVisible()
  said.push('and live again')
  expect((await ben.history(roomId)).map((message) => message.content)).toEqual(said)
  expect(await annas.shown()).toEqual(said)
  expect(await bens.shown()).toEqual(said)
})
