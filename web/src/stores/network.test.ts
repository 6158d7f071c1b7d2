import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeLocks } from '../api/locks'
import { FakeServer } from '../testing/fakeServer'
import type { Tab } from '../testing/tab'
import { until } from '../testing/until'

/** Loss of the network, of the server, of the session and of the tab: what was written must survive all of it. */

let server: FakeServer
let tabs: Tab[]
let locks: ReturnType<typeof makeLocks>

/** Each tab has modules of its own, as in a browser: a store finds its siblings through what the module holds. */
async function tab(): Promise<Tab> {
  vi.resetModules()
  const { openTab } = await import('../testing/tab')
  const opened = openTab(server, locks)
  tabs.push(opened)
  return opened
}

/** A new tab that finds the session of an earlier one. */
async function reloaded(): Promise<Tab> {
  const opened = await tab()
  await opened.session.restore()
  return opened
}

const written = () => server.rooms.get('r1')!.messages.map((m) => m.content)
const open = (t: Tab) => until(() => expect(t.connection.status).toBe('open'))

beforeEach(() => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  locks = makeLocks(undefined)
  tabs = []
  for (const name of ['ann', 'bob']) server.addUser(name)
  server.addRoom('r1', ['ann', 'bob'])
})

afterEach(() => {
  for (const opened of tabs) opened.close()
  vi.unstubAllGlobals()
})

describe('the connection', () => {
  it('comes back by itself and has missed nothing, edits included', async () => {
    const first = server.post('r1', 'bob', 'one')
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.disconnect(1012)
    server.edit('r1', first.messageId, { content: 'one, edited', editedAt: 1 })
    server.post('r1', 'bob', 'two')
    await until(() => expect(ann.connection.status).toBe('waiting'))
    expect(ann.connection.retryAt).toBeGreaterThan(Date.now())
    await open(ann)
    expect(ann.texts('r1')).toEqual(['---', 'one, edited', 'two'])
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 2, headSeq: 4 })
  })

  it('asks on while answers do not fit, and shows each message once', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.syncFits = 7
    server.disconnect(4408)
    for (let i = 0; i < 30; i++) server.post('r1', 'bob', `m${i}`)
    await until(() => expect(ann.connection.status).toBe('waiting'))
    ann.connection.retryNow()
    await open(ann)
    expect(ann.texts('r1')).toEqual(Array.from({ length: 30 }, (_, i) => `m${i}`))
  })

  it('reads the room anew when it is too far behind', async () => {
    server.post('r1', 'bob', 'first')
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.syncLimit = 10
    server.disconnect()
    for (let i = 0; i < 80; i++) server.post('r1', 'bob', `m${i}`)
    await open(ann)
    await until(() => expect(ann.texts('r1')).toHaveLength(50))
    expect(ann.texts('r1').at(-1)).toBe('m79')
    expect(ann.timelines.view('r1')!.timeline.hasMoreBefore).toBe(true)
    server.post('r1', 'bob', 'live')
    await until(() => expect(ann.texts('r1').at(-1)).toBe('live'))
  })

  it('does not lose what comes between the open socket and the end of the fetch', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    let release = () => {}
    server.hold = (request) => (request === 'GET /rooms' ? new Promise<void>((resolve) => { release = resolve }) : undefined)
    server.disconnect()
    await until(() => expect(ann.connection.status).toBe('syncing'))
    server.post('r1', 'bob', 'in between')
    server.hold = () => undefined
    await until(() => { release(); expect(ann.connection.status).toBe('open') })
    expect(ann.texts('r1')).toEqual(['in between'])
    expect(ann.rooms.get('r1')!.unread).toBe(1)
  })

  it('keeps a message of one’s own that is acknowledged while the first page is on its way', async () => {
    const ann = await tab()
    server.refuse = (request) => (request === 'POST /ws-tickets' ? { code: 'unavailable' } : undefined)
    await ann.session.login('ann', 'secret')
    const releases: (() => void)[] = []
    server.hold = (request) => (request === 'GET /rooms/r1/messages' ? new Promise<void>((resolve) => { releases.push(resolve) }) : undefined)
    const opened = ann.timelines.open('r1')
    await until(() => expect(releases).toHaveLength(1))
    await ann.outbox.send('r1', 'before the page')
    await until(() => expect(ann.outbox.entries).toEqual([]))
    server.down = true
    releases[0]!()
    await opened
    expect(ann.texts('r1')).toEqual(['before the page'])

    ann.close()
    const again = await reloaded()
    await again.timelines.open('r1')
    expect(again.texts('r1')).toEqual(['before the page'])
  })

  it('goes on without a socket where none gets through, and goes back by itself, nothing lost or doubled', async () => {
    const ann = await tab()
    server.refuse = (request) => (request === 'connect' ? { code: 'unavailable', status: 1006 } : undefined)
    await ann.session.login('ann', 'secret')
    await ann.timelines.open('r1')
    await open(ann)
    expect(ann.connection.slow).toBe(true)
    expect(server.sockets.size).toBe(0)
    server.post('r1', 'bob', 'one')
    await until(() => expect(ann.texts('r1')).toEqual(['one']))
    await ann.outbox.send('r1', 'two')
    await until(() => expect(ann.texts('r1')).toEqual(['one', 'two']))
    server.syncFits = 2
    for (let i = 3; i < 10; i++) server.post('r1', 'bob', `${i}`)
    await until(() => expect(ann.texts('r1').at(-1)).toBe('9'))
    server.addRoom('r2', ['bob'])
    server.join('r2', 'ann')
    await until(() => expect(ann.rooms.get('r2')).toBeDefined())

    server.refuse = () => undefined
    ann.connection.retryNow()
    server.post('r1', 'bob', 'while it changes')
    await until(() => expect(ann.connection.slow).toBe(false))
    await open(ann)
    expect(server.sockets.size).toBe(1)
    server.post('r1', 'bob', 'by the socket')
    await until(() => expect(ann.texts('r1').at(-1)).toBe('by the socket'))
    expect(ann.texts('r1')).toEqual(['one', 'two', '3', '4', '5', '6', '7', '8', '9', 'while it changes', 'by the socket'])
    expect(written()).toEqual(ann.texts('r1'))
    const asked = server.seen.filter((request) => request === 'POST /sync').length
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(server.seen.filter((request) => request === 'POST /sync')).toHaveLength(asked)
  })

  it('takes a server that is gone for no blocked socket, and one that refuses the session for what it is', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    server.down = true
    server.disconnect()
    for (let i = 0; i < 3; i++) {
      await until(() => expect(ann.connection.status).toBe('waiting'))
      ann.connection.retryNow()
    }
    server.down = false
    await until(() => { ann.connection.retryNow(); expect(ann.connection.status).toBe('open') })
    expect(ann.connection.slow).toBe(false)
    expect(server.seen).not.toContain('POST /sync')
  })

  it('remembers what was read while it was away', async () => {
    const message = server.post('r1', 'bob', 'one')
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.down = true
    server.disconnect()
    await until(() => expect(ann.connection.status).toBe('waiting'))
    ann.rooms.markRead('r1', message.seq)
    server.down = false
    ann.connection.retryNow()
    await open(ann)
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 0, membership: { readSeq: message.seq } })
    await until(() => expect(server.rooms.get('r1')!.members.get('ann')!.readSeq).toBe(message.seq))
  })

  it.each([[4400, 'badFrame'], [4403, 'removed'], [4429, 'tooMany']])('stops at %i until asked to go on', async (code, reason) => {
    const ann = await tab()
    await ann.signIn('ann')
    server.disconnect(code)
    await until(() => expect(ann.connection.status).toBe('stopped'))
    expect(ann.connection.stopReason).toBe(reason)
    expect(ann.connection.troubled).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(server.sockets.size).toBe(0)
    ann.connection.retryNow()
    await open(ann)
  })

  it('renews the token once after 4401, and then takes it for the end of the session', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    ann.drafts.set('r1', { text: 'unsaid' })
    server.disconnect(4401)
    await until(() => expect(server.seen).toContain('POST /auth/refresh'))
    await open(ann)
    server.refuse = (request) => (request === 'connect' ? { code: 'unauthenticated', status: 4401 } : undefined)
    server.disconnect(4401)
    await until(() => expect(ann.session.status).toBe('expired'))
    expect(ann.connection.status).toBe('idle')
    expect(ann.rooms.byId.size).toBe(0)
    server.refuse = () => undefined
    await ann.signIn('ann')
    expect(ann.drafts.get('r1').text).toBe('unsaid')
  })

  it('signs out when the session ends by a close that says nothing, as on AWS, and does not come back', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    server.refuse = () => ({ code: 'unauthenticated', status: 401 })
    server.disconnect(1000)
    await until(() => expect(ann.session.status).toBe('expired'))
    expect(ann.connection.status).toBe('idle')
    const asked = server.seen.length
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(server.seen.slice(asked)).toEqual([])
    expect(server.sockets.size).toBe(0)
  })

  it('says offline when the browser does, and is back at once when the network is', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
    server.down = true
    window.dispatchEvent(new Event('offline'))
    await until(() => expect(ann.connection.status).toBe('offline'))
    expect(ann.connection.troubled).toBe(true)
    server.down = false
    online.mockReturnValue(true)
    window.dispatchEvent(new Event('online'))
    await open(ann)
    expect(ann.connection.troubled).toBe(false)
  })
})

describe('the outbox', () => {
  it('waits for the network and then sends in order, each once', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.down = true
    server.disconnect()
    for (const text of ['a', 'b', 'c']) await ann.outbox.send('r1', text)
    expect(ann.outbox.waiting).toBe(3)
    await until(() => expect(ann.texts('r1')).toEqual(['a (waiting)', 'b (waiting)', 'c (waiting)']))
    server.down = false
    ann.connection.retryNow()
    await until(() => expect(ann.texts('r1')).toEqual(['a', 'b', 'c']))
    expect(written()).toEqual(['a', 'b', 'c'])
  })

  it('survives a reload, rooms and messages painted before there is a connection', async () => {
    server.post('r1', 'bob', 'seen before')
    const before = await tab()
    await before.signIn('ann')
    await before.timelines.open('r1')
    await until(async () => expect(await before.session.storage!.rooms()).toHaveLength(1))
    server.down = true
    server.disconnect()
    await before.outbox.send('r1', 'written offline')
    before.close()
    const after = await reloaded()
    expect(after.rooms.channels.map((r) => r.name)).toEqual(['r1'])
    await after.timelines.open('r1')
    expect(after.texts('r1').filter((t) => t !== '---')).toEqual(['seen before', 'written offline (waiting)'])
    server.down = false
    server.post('r1', 'bob', 'meanwhile')
    after.connection.retryNow()
    await open(after)
    await until(() => expect(after.texts('r1').filter((t) => t !== '---')).toEqual(['seen before', 'meanwhile', 'written offline']))
    expect(written()).toEqual(['seen before', 'meanwhile', 'written offline'])
  })

  it('does not send twice what was taken in but not acknowledged', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.losesAcks = true
    await ann.outbox.send('r1', 'once')
    await until(() => expect(written()).toEqual(['once']))
    server.losesAcks = false
    await open(ann)
    await until(() => expect(ann.outbox.entries).toEqual([]))
    expect(written()).toEqual(['once'])
    expect(ann.texts('r1')).toEqual(['once'])
  })

  it('keeps what was refused, with the reason, and lets later ones pass; retry sends, discard forgets', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.refuse = (_, body) => (String(body.content).startsWith('bad') ? { code: 'invalid_request' } : undefined)
    for (const text of ['bad 1', 'good', 'bad 2']) await ann.outbox.send('r1', text)
    await until(() => expect(ann.texts('r1')).toEqual(['good', 'bad 1 (failed)', 'bad 2 (failed)']))
    expect(ann.outbox.waiting).toBe(0)
    server.refuse = () => undefined
    const [one, two] = ann.outbox.entries
    await ann.outbox.retry(one!.clientMessageId)
    await ann.outbox.discard(two!.clientMessageId)
    await until(() => expect(ann.texts('r1')).toEqual(['good', 'bad 1']))
    expect(written()).toEqual(['good', 'bad 1'])
  })

  it('waits as long as the server asks, and keeps the order', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    let limited = true
    server.refuse = (request) => (limited && request === 'sendMessage' ? { code: 'rate_limited', retryAfterMs: 200 } : undefined)
    await ann.outbox.send('r1', 'a')
    await ann.outbox.send('r1', 'b')
    await until(() => expect(server.seen).toContain('sendMessage'))
    limited = false
    await until(() => expect(written()).toEqual(['a', 'b']))
  })

  it('is shared by tabs that do not send the same twice', async () => {
    const one = await tab()
    await one.signIn('ann')
    const two = await reloaded()
    await open(two)
    await Promise.all([one.timelines.open('r1'), two.timelines.open('r1')])
    server.down = true
    server.disconnect()
    await one.outbox.send('r1', 'from one')
    await until(() => expect(two.texts('r1')).toEqual(['from one (waiting)']))
    await two.outbox.send('r1', 'from two')
    server.down = false
    one.connection.retryNow()
    two.connection.retryNow()
    for (const each of [one, two]) await until(() => expect(each.texts('r1')).toEqual(['from one', 'from two']))
    expect(written()).toEqual(['from one', 'from two'])
    expect(server.seen.filter((s) => s === 'sendMessage' || s === 'POST /rooms/r1/messages').length).toBeGreaterThanOrEqual(2)
    for (const each of [one, two]) await until(() => expect(each.outbox.entries).toEqual([]))
  })

  it('sends over HTTP while a socket cannot be had', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.refuse = (request) => (request === 'connect' ? { code: 'unavailable', status: 1006 } : undefined)
    server.disconnect()
    await until(() => expect(ann.connection.status).toBe('waiting'))
    await ann.outbox.send('r1', 'by hand')
    await until(() => expect(ann.texts('r1')).toEqual(['by hand']))
    expect(server.seen).not.toContain('sendMessage')
  })
})

describe('the session', () => {
  it('is gone with everything after logging out', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    ann.drafts.set('r1', { text: 'draft' })
    ann.drafts.flush()
    await ann.session.logout()
    expect(ann.session.status).toBe('signedOut')
    expect(ann.rooms.byId.size).toBe(0)
    expect(await indexedDB.databases()).toEqual([])
    const again = await reloaded()
    expect(again.session.status).toBe('signedOut')
  })

  it('ends in every tab', async () => {
    const one = await tab()
    await one.signIn('ann')
    const two = await reloaded()
    await open(two)
    await one.session.logout()
    await until(() => expect(two.session.status).toBe('signedOut'))
    expect(server.sockets.size).toBe(0)
  })

  it('keeps drafts and outbox when it expires, but not for somebody else', async () => {
    const ann = await tab()
    await ann.signIn('ann')
    ann.drafts.set('r1', { text: 'half a sentence' })
    server.down = true
    server.disconnect()
    await ann.outbox.send('r1', 'unsent')
    server.down = false
    server.cookie = null
    server.refuse = (request) => (request === 'POST /ws-tickets' || request.endsWith('/messages') ? { code: 'unauthenticated' } : undefined)
    ann.connection.retryNow()
    await until(() => expect(ann.session.status).toBe('expired'))
    ann.close()
    server.refuse = () => undefined
    const back = await tab()
    await back.session.login('ann', 'secret')
    expect(back.drafts.get('r1').text).toBe('half a sentence')
    await until(() => expect(written()).toEqual(['unsent']))
    back.drafts.set('r1', { text: 'another' })
    await back.session.logout()
    const other = await tab()
    await other.signIn('bob')
    expect(other.drafts.get('r1').text).toBe('')
    expect(other.outbox.entries).toEqual([])
  })
})
