import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeServer } from '../testing/fakeServer'
import { openTab, type Tab } from '../testing/tab'
import { until } from '../testing/until'

let server: FakeServer
let ann: Tab

beforeEach(() => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  for (const name of ['ann', 'bob']) server.addUser(name)
  server.addRoom('r1', ['ann', 'bob'])
  server.addRoom('d1', ['ann', 'bob'], { kind: 'direct', name: '' })
  ann = openTab(server)
})

afterEach(() => {
  ann.close()
  vi.unstubAllGlobals()
})

describe('notices', () => {
  it('count mentions in rooms and everything in direct ones, but nothing of muted rooms', async () => {
    server.post('r1', 'bob', 'hello')
    server.post('r1', 'bob', 'hello @ann')
    server.post('d1', 'bob', 'psst')
    await ann.signIn('ann')
    expect(ann.notices.unread).toBe(2)
    await ann.rooms.setNotify('d1', 'nothing')
    expect(ann.notices.unread).toBe(1)
    expect(server.rooms.get('d1')!.levels).toEqual({ ann: 'nothing' })
    expect(ann.rooms.totals).toEqual({ unread: 2, mentions: 1 })
  })

  it('a level that the server refuses is as it was', async () => {
    await ann.signIn('ann')
    server.refuse = (request) => (request === 'PUT /rooms/r1/notifications' ? { code: 'unavailable' } : undefined)
    const done = ann.rooms.setNotify('r1', 'nothing')
    expect(ann.rooms.muted(ann.rooms.get('r1')!)).toBe(true)
    await expect(done).rejects.toMatchObject({ code: 'unavailable' })
    expect(ann.rooms.get('r1')!.notify).toBe('default')
  })

  it('list what came, take in what comes live, once, and know what is read', async () => {
    const first = server.post('r1', 'bob', 'one @ann')
    await ann.signIn('ann')
    await ann.notices.load()
    const second = server.post('r1', 'bob', 'two @ann')
    for (let i = 0; i < 2; i++) server.tell('r1', { type: 'notification', data: { kind: 'mention', message: second } }, 'bob')
    await until(() => expect(ann.notices.list.map((notice) => notice.message.content)).toEqual(['two @ann', 'one @ann']))
    await until(() => expect(ann.notices.list).toHaveLength(2))
    ann.rooms.markRead('r1', first.seq)
    expect(ann.notices.list.map(ann.notices.isRead)).toEqual([false, true])
  })

  it('find the oldest unread mention, also far above what is held', async () => {
    server.post('r1', 'bob', 'read @ann')
    server.rooms.get('r1')!.members.get('ann')!.readSeq = server.rooms.get('r1')!.room.headSeq
    const wanted = server.post('r1', 'bob', 'wanted @ann')
    for (let i = 0; i < 200; i++) server.post('r1', 'bob', `line ${i}`)
    server.post('r1', 'bob', 'later @ann')
    await ann.signIn('ann')
    await ann.timelines.jumpToPresent('r1')
    expect(ann.timelines.find('r1', wanted.messageId)).toBeUndefined()
    expect(await ann.notices.firstUnreadMention('r1')).toBe(wanted.messageId)
    await ann.timelines.open('r1')
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 202, mentions: 2 })
    expect(await ann.notices.firstUnreadMention('r1')).toBe(wanted.messageId)
    // What was read is off the counts, though the rest is not held.
    ann.rooms.markRead('r1', wanted.seq + 3)
    expect(ann.rooms.get('r1')).toMatchObject({ unread: 198, mentions: 1 })
    ann.rooms.markRead('r1', server.rooms.get('r1')!.room.headSeq)
    expect(await ann.notices.firstUnreadMention('r1')).toBeNull()
  })
})
