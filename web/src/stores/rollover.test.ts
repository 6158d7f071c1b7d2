import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watch } from 'vue'
import { FakeServer } from '../testing/fakeServer'
import type { FakeSocket } from '../testing/fakeSocket'
import { openTab, type Tab } from '../testing/tab'
import { until } from '../testing/until'

/** Where the server ends sockets after a time, the next one takes over before, and nobody notices. */

const life = 600
/** The tabs' random number is 0: the next socket is due at this moment of the life of the one before. */
const due = life * 0.9 * 1000

let server: FakeServer
let ann: Tab
/** What the connection was called, one after the other, since it was first open. */
let statuses: string[]
/** The fewest sockets that were open at once since then. */
let fewest: number

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const written = (roomId = 'r1') => server.rooms.get(roomId)!.messages.map((m) => m.content)
const count = (request: string) => server.seen.filter((each) => each === request).length
const only = (): FakeSocket => {
  expect(server.sockets.size).toBe(1)
  return [...server.sockets][0]!
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  server.socketLife = life
  for (const name of ['ann', 'bob']) server.addUser(name)
  for (const room of ['r1', 'r2']) server.addRoom(room, ['ann', 'bob'])
  ann = openTab(server)
  await ann.signIn('ann')
  await ann.timelines.open('r1')
  statuses = []
  fewest = Infinity
  watch(() => [ann.connection.status, ann.connection.troubled], ([status, troubled]) => statuses.push(`${status}${troubled ? ' troubled' : ''}`), { flush: 'sync' })
  const forget = server.sockets.delete.bind(server.sockets)
  vi.spyOn(server.sockets, 'delete').mockImplementation((socket) => {
    const known = forget(socket)
    fewest = Math.min(fewest, server.sockets.size)
    return known
  })
})

afterEach(() => {
  ann.close()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('the next socket', () => {
  it('takes over a hundred times without a message missed or doubled, and without a word', async () => {
    const random = seeded(7)
    let posts = 0
    const later = (act: () => unknown) => setTimeout(() => void act(), random() * 2_500)
    // From nearly at once to slower than the whole hand-over: what the former is still told may come too late.
    server.delay = () => (random() < 0.2 ? random() * 1_500 : random() * 60)
    server.refuse = (request) => {
      if (request !== 'POST /ws-tickets') return undefined
      for (let i = 0; i < 6; i++) later(() => server.post('r1', 'bob', `bob ${++posts}`))
      for (let i = 0; i < 2; i++) later(() => server.post('r2', 'bob', `aside ${++posts}`))
      for (let i = 0; i < 2; i++) later(() => ann.outbox.send('r1', `ann ${++posts}`))
      later(() => server.edit('r1', `${server.rooms.get('r1')!.messages.at(-1)!.messageId}`, { content: `edited ${++posts}`, editedAt: 1 }))
      return undefined
    }
    const before = count('POST /ws-tickets')
    while (count('POST /ws-tickets') < before + 100) await advance(30_000)
    await advance(5_000)
    await until(() => expect(ann.outbox.entries).toEqual([]))

    expect(statuses).toEqual([])
    expect(fewest).toBe(1)
    only()
    expect(written().length).toBe(800)
    expect(ann.texts('r1')).toEqual(written())
    // What one writes oneself is where one has read to, without a request.
    const { readSeq } = server.rooms.get('r1')!.members.get('ann')!
    const others = server.rooms.get('r1')!.messages.filter((m) => m.userId === 'bob' && m.seq > readSeq).length
    expect(ann.rooms.get('r1')).toMatchObject({ unread: others, membership: { readSeq } })
    expect(count('markRead') + count('PUT /rooms/r1/read')).toBe(0)
    expect(ann.rooms.get('r2')!.unread).toBe(200)
    expect(count('GET /rooms')).toBe(1)
  }, 60_000)

  it.each([[0, 0.9], [1, 0.97]])('is opened, with a ticket of its own, when by the die %i its time has come at %f of the life', async (die, part) => {
    ann.close()
    ann = openTab(server, undefined, () => die)
    await ann.signIn('ann')
    const before = count('POST /ws-tickets')
    const first = only()
    await advance(life * 1000 * part - 1_000)
    expect(count('POST /ws-tickets')).toBe(before)
    expect(only()).toBe(first)
    await advance(1_000)
    expect(count('POST /ws-tickets')).toBe(before + 1)
    expect(only()).not.toBe(first)
  })

  it('has asked what the former one was still to tell before that is closed', async () => {
    const first = only()
    server.delay = (frame, socket) => (socket === first && 'type' in frame && frame.type === 'newMessage' ? 60_000 : 0)
    await advance(due - 100)
    server.post('r1', 'bob', 'on its way')
    await advance(200)
    expect(only()).not.toBe(first)
    expect(ann.texts('r1')).toEqual(['on its way'])
  })

  it('lets the former one answer what it was asked', async () => {
    await advance(due - 500)
    const first = only()
    server.delay = (frame) => ('type' in frame && frame.type === 'ack' ? 4_000 : 0)
    await ann.outbox.send('r1', 'just before')
    await until(() => expect(written()).toEqual(['just before']))
    await advance(1_500)
    expect(server.sockets.size).toBe(2)
    await advance(4_000)
    expect(only()).not.toBe(first)
    await until(() => expect(ann.outbox.entries).toEqual([]))
    expect(count('sendMessage')).toBe(1)
    expect(ann.texts('r1')).toEqual(['just before'])
    expect(statuses).toEqual([])
  })

  it('is asked again what the former one never answered, and it counts once', async () => {
    await advance(due - 500)
    const first = only()
    server.delay = (frame, socket) => (socket === first && 'action' in frame && frame.action === 'sendMessage' ? 60_000 : 0)
    await ann.outbox.send('r1', 'stuck')
    await until(() => expect(ann.outbox.sending.size).toBe(1))
    await advance(1_000)
    expect(server.sockets.size).toBe(2)
    await advance(20_000)
    expect(only()).not.toBe(first)
    await until(() => expect(ann.outbox.entries).toEqual([]))
    expect(written()).toEqual(['stuck'])
    expect(ann.texts('r1')).toEqual(['stuck'])
    expect(statuses).toEqual([])
  })

  it.each([
    ['does not open', 'connect', 1006], ['is refused', 'connect', 4429], ['gets no ticket', 'POST /ws-tickets', 503], ['cannot catch up', 'ping', 503],
  ])('is tried again while it %s, and the present one goes on', async (_, refused, status) => {
    const first = only()
    await advance(due - 100)
    server.refuse = (request) => (request === refused ? { code: 'unavailable', status } : undefined)
    const before = count('POST /ws-tickets')
    await advance(20_000)
    expect(count('POST /ws-tickets') - before).toBeGreaterThan(2)
    expect(only()).toBe(first)
    server.post('r1', 'bob', 'meanwhile')
    await until(() => expect(ann.texts('r1')).toEqual(['meanwhile']))
    server.refuse = () => undefined
    await advance(15_000)
    expect(only()).not.toBe(first)
    server.post('r1', 'bob', 'afterwards')
    await until(() => expect(ann.texts('r1')).toEqual(['meanwhile', 'afterwards']))
    expect(statuses).toEqual([])
  })

  it('that cannot be had to the end leaves it to the usual return', async () => {
    await advance(due - 100)
    server.refuse = (request) => (request === 'connect' ? { code: 'unavailable', status: 1006 } : undefined)
    await advance(life * 100)
    expect(statuses).toEqual([])
    await advance(200)
    expect(statuses).toEqual(['waiting'])
    expect(server.sockets.size).toBe(0)
    server.post('r1', 'bob', 'while it was away')
    server.refuse = () => undefined
    ann.connection.retryNow()
    await until(() => expect(ann.connection.status).toBe('open'))
    expect(ann.connection.troubled).toBe(false)
    await until(() => expect(ann.texts('r1')).toEqual(['while it was away']))
    const tickets = count('POST /ws-tickets')
    await advance(due - 10_000)
    expect(count('POST /ws-tickets')).toBeLessThanOrEqual(tickets + 1)
    only()
  })

  it.each([['has no ticket yet', 'ticket'], ['catches up', 'ping'], ['has taken over', 'ack']])('goes with the others when one signs out while it %s', async (_, stage) => {
    await advance(due - 100)
    let release = () => {}
    server.hold = (request) => (stage === 'ticket' && request === 'POST /ws-tickets' ? new Promise<void>((resolve) => { release = resolve }) : undefined)
    server.delay = (frame) => ('action' in frame && (frame.action === stage || (stage === 'ack' && frame.action === 'sendMessage')) ? 10_000 : 0)
    if (stage === 'ack') await ann.outbox.send('r1', 'the last word')
    await until(() => expect(ann.outbox.sending.size).toBe(stage === 'ack' ? 1 : 0))
    await advance(1_000)
    expect(server.sockets.size).toBe(stage === 'ticket' ? 1 : 2)
    await ann.session.logout()
    expect(server.sockets.size).toBe(0)
    release()
    await advance(life * 2_000)
    expect(server.sockets.size).toBe(0)
    expect(ann.connection.status).toBe('idle')
    expect(statuses).toEqual(['idle'])
  })

  it.each([['before', -100_000], ['in the midst of', 1_000]])('is one again after the network was lost %s a hand-over', async (_, when) => {
    server.delay = (frame) => ('action' in frame && frame.action === 'ping' ? 5_000 : 0)
    await advance(due + when)
    expect(server.sockets.size).toBe(when < 0 ? 1 : 2)
    const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
    server.down = true
    window.dispatchEvent(new Event('offline'))
    await advance(200_000)
    expect(server.sockets.size).toBe(0)
    expect(ann.connection.status).toBe('offline')
    server.post('r1', 'bob', 'meanwhile')
    server.down = false
    online.mockReturnValue(true)
    window.dispatchEvent(new Event('online'))
    await until(() => expect(ann.connection.status).toBe('open'))
    const back = only()
    server.post('r1', 'bob', 'afterwards')
    await until(() => expect(ann.texts('r1')).toEqual(['meanwhile', 'afterwards']))
    statuses = []
    await advance(due + 10_000)
    expect(only()).not.toBe(back)
    expect(statuses).toEqual([])
  })

  it('is never opened where sockets live as long as they like', async () => {
    ann.close()
    server.socketLife = 0
    ann = openTab(server)
    await ann.signIn('ann')
    const socket = only()
    const tickets = count('POST /ws-tickets')
    await advance(3 * 3_600_000)
    expect(only()).toBe(socket)
    expect(count('POST /ws-tickets')).toBe(tickets)
  })
})

/** Numbers from 0 to 1 that are the same in each run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
