import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { emptyTimeline } from '../timeline/merge'
import { bounds, Storage } from './storage'

const cached = (roomId: string) => ({ roomId, timeline: emptyTimeline, applied: 1 })

beforeEach(() => vi.stubGlobal('indexedDB', new IDBFactory()))

describe('what a browser keeps', () => {
  it('is bounded: the rooms that were written longest ago go first, what waits to be sent never', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1000 })
    const storage = await Storage.open('ann')
    await storage.saveDraft({ roomId: 'r0', text: 'half a thought' })
    await storage.enqueue({ clientMessageId: 'c', roomId: 'r0', userId: 'ann', username: 'ann', content: 'waits', createdAt: 1 })
    for (let i = 0; i < bounds.timelines; i++, vi.advanceTimersByTime(1)) await storage.saveTimeline(cached(`r${i}`))
    expect(await storage.timeline('r0')).toBeDefined()
    await storage.saveTimeline(cached('r0'))
    vi.advanceTimersByTime(1)
    await storage.saveTimeline(cached('one more'))
    expect(await storage.timeline('r1')).toBeUndefined()
    for (const kept of ['r0', 'r2', 'one more']) expect(await storage.timeline(kept)).toBeDefined()
    expect(await storage.drafts()).toHaveLength(1)
    expect(await storage.outbox()).toHaveLength(1)
    vi.useRealTimers()
    storage.close()
  })

  it('does not gather people without end', async () => {
    const storage = await Storage.open('ann')
    const people = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ userId: `u${from + i}`, username: 'u', displayName: 'U', createdAt: 1 }))
    await storage.saveUsers(people(0, bounds.users))
    expect(await storage.users()).toHaveLength(bounds.users)
    await storage.saveUsers(people(bounds.users, 1))
    expect((await storage.users()).map((user) => user.userId)).toEqual([`u${bounds.users}`])
    storage.close()
  })

  it('goes over to a new version without losing what was written and not sent', async () => {
    const old = await new Promise<IDBDatabase>((resolve) => {
      const opening = indexedDB.open('parley:ann', 1)
      opening.onupgradeneeded = () => {
        for (const name of ['rooms', 'timelines']) opening.result.createObjectStore(name, { keyPath: 'roomId' })
        opening.result.createObjectStore('users', { keyPath: 'userId' })
        opening.result.createObjectStore('outbox', { keyPath: 'clientMessageId' })
        opening.result.createObjectStore('drafts', { keyPath: 'roomId' }).put({ roomId: 'r', text: 'from before' })
      }
      opening.onsuccess = () => resolve(opening.result)
    })
    old.close()
    const storage = await Storage.open('ann')
    expect(await storage.drafts()).toEqual([{ roomId: 'r', text: 'from before' }])
    await storage.saveTimeline(cached('r'))
    expect(await storage.timeline('r')).toMatchObject({ applied: 1 })
    storage.close()
  })

  it('holds the bytes of files while a message waits for them or is written with them, and no longer', async () => {
    const storage = await Storage.open('ann')
    const file = (id: string) => ({ id, filename: id, contentType: 'text/plain', size: 1 })
    for (const id of ['waits', 'chosen', 'orphan']) await storage.saveBytes(id, new Blob(['x']), 10)
    await storage.saveBytes('too much', new Blob(['x'.repeat(8)]), 10)
    expect(await storage.bytes('too much')).toBeUndefined()
    await storage.enqueue({ clientMessageId: 'c', roomId: 'r', userId: 'ann', username: 'ann', content: '', files: [file('waits')], createdAt: 1 })
    await storage.saveAttached('r', [file('chosen')])
    await storage.dropOrphans()
    expect([await storage.bytes('waits'), await storage.bytes('chosen'), await storage.bytes('orphan')].map(Boolean)).toEqual([true, true, false])
    await storage.saveAttached('r', [])
    await storage.dequeue('c')
    await storage.dropOrphans()
    expect([await storage.bytes('waits'), await storage.bytes('chosen')]).toEqual([undefined, undefined])
    storage.close()
  })
})
