import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeServer } from '../testing/fakeServer'
import { openTab, type Tab } from '../testing/tab'
import { until } from '../testing/until'

let server: FakeServer
let tabs: Tab[]

function tab(): Tab {
  const opened = openTab(server)
  tabs.push(opened)
  return opened
}

beforeEach(() => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  tabs = []
  for (const name of ['ann', 'bob']) server.addUser(name)
  server.addRoom('r1', ['ann', 'bob'])
})

afterEach(() => {
  for (const opened of tabs) opened.close()
  vi.unstubAllGlobals()
})

describe('a conversation', () => {
  it('shows what is there, what comes, and what one sends, in order', async () => {
    server.post('r1', 'bob', 'one')
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.post('r1', 'bob', 'two')
    await ann.outbox.send('r1', ' three ')
    await until(() => expect(ann.texts('r1')).toEqual(['---', 'one', 'two', 'three']))
    await until(() => expect(ann.outbox.entries).toEqual([]))
    expect(server.rooms.get('r1')!.messages.map((m) => m.content)).toEqual(['one', 'two', 'three'])
  })

  it('shows a message before it is acknowledged and keeps its row', async () => {
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    const sent = ann.outbox.send('r1', 'hello')
    const before = ann.timelines.view('r1')!.rows.at(-1)!
    expect(before).toMatchObject({ kind: 'message', state: 'waiting' })
    await sent
    await until(() => expect(ann.timelines.view('r1')!.rows.at(-1)).toMatchObject({ state: 'sent', key: before.key }))
  })

  it('takes edits and deletions, one’s own at once', async () => {
    const first = server.post('r1', 'bob', 'one')
    const own = server.post('r1', 'ann', 'mine')
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    await ann.timelines.edit(own, 'mine, better')
    server.edit('r1', first.messageId, { content: '', deletedAt: 5 })
    await until(() => expect(ann.texts('r1')).toEqual(['(deleted)', 'mine, better']))
    expect(ann.timelines.lastOwn('r1')?.content).toBe('mine, better')
  })

  it('finds what was not delivered, and shows nothing twice or out of order', async () => {
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.swallowed.add(3).add(4)
    for (const text of ['a', 'b', 'c', 'd']) server.post('r1', 'bob', text)
    await until(() => expect(ann.texts('r1')).toEqual(['a', 'b', 'c', 'd']))
    expect(server.seen.filter((s) => s === 'sync')).toHaveLength(1)
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 4, headSeq: 5 })
  })

  it('finds a gap at the end by the heads of a heartbeat', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'], shouldAdvanceTime: true })
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.swallowed.add(2)
    server.post('r1', 'bob', 'lost')
    await vi.advanceTimersByTimeAsync(27_000)
    await until(() => expect(ann.texts('r1')).toEqual(['lost']))
    vi.useRealTimers()
  })

  it('keeps an edit that arrives while an older page is on its way', async () => {
    const message = server.post('r1', 'bob', 'old')
    const ann = tab()
    await ann.signIn('ann')
    let release = () => {}
    server.hold = (request) => (request.endsWith('/messages') ? new Promise<void>((resolve) => { release = resolve }) : undefined)
    const opened = ann.timelines.open('r1')
    await until(() => expect(server.seen).toContain('GET /rooms/r1/messages'))
    server.edit('r1', message.messageId, { content: 'new', editedAt: 5 })
    server.post('r1', 'bob', 'later')
    await until(() => expect(ann.rooms.get('r1')!.headSeq).toBe(4))
    release()
    await opened
    expect(ann.texts('r1')).toEqual(['---', 'new', 'later'])
  })

  it('hears nothing of rooms that one is not in, and forgets those one is removed from', async () => {
    server.addRoom('secret', ['bob'])
    server.post('secret', 'bob', 'psst')
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    expect([...ann.rooms.byId.keys()]).toEqual(['r1'])
    server.removeMember('r1', 'ann')
    await until(() => expect(ann.rooms.get('r1')).toBeUndefined())
    expect(ann.timelines.view('r1')).toBeUndefined()
  })

  it('finds itself in a room that somebody added it to', async () => {
    server.addRoom('r2', ['bob'])
    const ann = tab()
    await ann.signIn('ann')
    server.join('r2', 'ann')
    server.post('r2', 'bob', 'welcome @ann')
    await until(() => expect(ann.rooms.get('r2')).toMatchObject({ unread: 1, mentions: 1 }))
  })
})

describe('history', () => {
  beforeEach(() => {
    for (let i = 1; i <= 200; i++) server.post('r1', 'bob', `m${i}`)
  })

  it('opens at the first unread message and pages both ways to the ends', async () => {
    server.rooms.get('r1')!.members.get('ann')!.readSeq = 101
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    const view = ann.timelines.view('r1')!
    expect(view.anchorKey).toBe('new')
    expect(view.below).toBe(100)
    const rows = ann.texts('r1')
    expect(rows[rows.indexOf('---') + 1]).toBe('m101')
    server.post('r1', 'bob', 'now')
    while (view.timeline.hasMoreBefore) await ann.timelines.loadBefore('r1')
    while (view.timeline.hasMoreAfter) await ann.timelines.loadAfter('r1')
    const all = ann.texts('r1').filter((t) => t !== '---')
    expect(all).toEqual([...Array.from({ length: 200 }, (_, i) => `m${i + 1}`), 'now'])
  })

  it('does not hurry a server that does not answer', async () => {
    server.rooms.get('r1')!.members.get('ann')!.readSeq = 201
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    const view = ann.timelines.view('r1')!
    const asked = () => server.seen.filter((s) => s === 'GET /rooms/r1/messages').length
    const before = asked()
    server.down = true
    const loading = ann.timelines.loadBefore('r1')
    await until(() => expect(asked()).toBe(before + 1))
    for (let i = 0; i < 5; i++) await ann.timelines.loadBefore('r1')
    expect(view.loadingBefore).toBe(true)
    expect(asked()).toBe(before + 1)
    await loading
    expect(view.loadingBefore).toBe(false)
    server.down = false
    const had = view.timeline.messages.length
    await ann.timelines.loadBefore('r1')
    expect(view.timeline.messages.length).toBeGreaterThan(had)
  })

  it('jumps to the present and goes on from there', async () => {
    server.rooms.get('r1')!.members.get('ann')!.readSeq = 51
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    server.post('r1', 'bob', 'while away')
    await ann.timelines.jumpToPresent('r1')
    server.post('r1', 'bob', 'live')
    await until(() => expect(ann.texts('r1').slice(-3)).toEqual(['m200', 'while away', 'live']))
  })

  it('reveals a message that is not in the window', async () => {
    const ann = tab()
    await ann.signIn('ann')
    server.rooms.get('r1')!.members.get('ann')!.readSeq = 201
    await ann.rooms.refresh()
    await ann.timelines.open('r1')
    expect(ann.texts('r1')).not.toContain('m20')
    const key = await ann.timelines.reveal('r1', 'r1-21')
    expect(ann.timelines.view('r1')!.rows.some((r) => r.key === key)).toBe(true)
    expect(await ann.timelines.reveal('r1', 'nowhere')).toBeNull()
  })
})

describe('reading', () => {
  it('counts what others wrote, and less as one reads', async () => {
    const ann = tab()
    await ann.signIn('ann')
    await ann.timelines.open('r1')
    const one = server.post('r1', 'bob', 'one')
    server.post('r1', 'bob', 'two @ann')
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 2, mentions: 1 }))
    expect(ann.rooms.totals).toEqual({ unread: 2, mentions: 1 })
    ann.rooms.markRead('r1', one.seq)
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 1, mentions: 1 })
    await until(() => expect(server.rooms.get('r1')!.members.get('ann')!.readSeq).toBe(one.seq))
    server.tell('r1', { type: 'read', data: { roomId: 'r1', userId: 'ann', seq: one.seq + 1 } })
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 0, mentions: 0 }))
  })

  it.each(['', 'opened'])('goes as far as one writes, from here or another device, and asks nothing of the server %s', async (opened) => {
    const ann = tab()
    await ann.signIn('ann')
    if (opened) await ann.timelines.open('r1')
    server.post('r1', 'bob', 'one @ann')
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 1, mentions: 1 }))
    const away = server.post('r1', 'ann', 'from my phone')
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 0, mentions: 0, membership: { readSeq: away.seq } }))
    const seen = server.post('r1', 'bob', 'two')
    await until(() => expect(ann.rooms.get('r1')!.unread).toBe(1))
    // Read here and answered before the server was told: the answer tells it.
    ann.rooms.markRead('r1', seen.seq)
    await ann.outbox.send('r1', 'mine')
    await until(() => expect(ann.rooms.get('r1')!.membership.readSeq).toBe(seen.seq + 1))
    const { readSeq } = server.rooms.get('r1')!.members.get('ann')!
    expect(readSeq).toBe(seen.seq + 1)
    ann.rooms.markRead('r1', readSeq)
    ann.rooms.flushRead()
    await new Promise((resolve) => setTimeout(resolve))
    expect(server.seen.filter((request) => /markRead|\/read$/.test(request))).toEqual([])
    expect(server.seen).not.toContain('GET /rooms/r1')
  })

  it('on another device counts here too, in a room that was not opened here', async () => {
    for (const text of ['one @ann', 'two', 'three']) server.post('r1', 'bob', text)
    const [one] = server.rooms.get('r1')!.messages.slice(-3)
    const ann = tab()
    await ann.signIn('ann')
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 3, mentions: 1 }))
    server.rooms.get('r1')!.members.get('ann')!.readSeq = one!.seq
    server.tell('r1', { type: 'read', data: { roomId: 'r1', userId: 'ann', seq: one!.seq } })
    await until(() => expect(ann.rooms.get('r1')).toMatchObject({ unread: 2, mentions: 0 }))
  })

  it('never goes back', async () => {
    const ann = tab()
    await ann.signIn('ann')
    const one = server.post('r1', 'bob', 'one')
    const two = server.post('r1', 'bob', 'two')
    await until(() => expect(ann.rooms.get('r1')!.unread).toBe(2))
    ann.rooms.markRead('r1', two.seq)
    ann.rooms.markRead('r1', one.seq)
    expect(ann.rooms.get('r1')!.membership.readSeq).toBe(two.seq)
    expect(ann.rooms.get('r1')!.unread).toBe(0)
  })
})

describe('typing', () => {
  it('is told to others, for a while, and ends with the message', async () => {
    const ann = tab()
    await ann.signIn('ann')
    server.tell('r1', { type: 'typing', data: { roomId: 'r1', userId: 'bob' } })
    server.tell('r1', { type: 'typing', data: { roomId: 'r1', userId: 'ann' } })
    await until(() => expect(ann.people.typing('r1')).toEqual(['bob']))
    server.post('r1', 'bob', 'done')
    await until(() => expect(ann.people.typing('r1')).toEqual([]))
    ann.people.sayTyping('r1')
    ann.people.sayTyping('r1')
    await until(() => expect(server.seen).toContain('typing'))
    expect(server.seen.filter((s) => s === 'typing')).toHaveLength(1)
  })
})
