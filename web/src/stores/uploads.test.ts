import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeServer } from '../testing/fakeServer'
import { openTab, type Tab } from '../testing/tab'
import { until } from '../testing/until'

let server: FakeServer
let tabs: Tab[]

async function tab(): Promise<Tab> {
  const opened = openTab(server)
  tabs.push(opened)
  await opened.signIn('ann')
  await opened.timelines.open('r1')
  await until(() => expect(opened.session.server).not.toBeNull())
  return opened
}
const file = (name: string, text = name) => new File([text], name, { type: 'text/plain' })
const sent = () => server.rooms.get('r1')!.messages.map((m) => `${m.content}[${m.attachments.map((a) => a.filename).join()}]`)

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

describe('uploads', () => {
  it('go out as they are chosen, and with the message', async () => {
    const ann = await tab()
    ann.uploads.attach('r1', [file('a.txt', 'peas'), file('b.txt')])
    await until(() => expect(ann.uploads.attached('r1').map((u) => u.progress)).toEqual([1, 1]))
    expect([...server.files.values()].map((f) => f.text)).toEqual(['peas', 'b.txt'])
    await ann.outbox.send('r1', 'look', undefined, ann.uploads.take('r1'))
    await until(() => expect(sent()).toEqual(['look[a.txt,b.txt]']))
    await until(() => expect(ann.outbox.entries).toEqual([]))
    expect(ann.uploads.byId.size).toBe(0)
    expect(server.seen.filter((s) => s.startsWith('DELETE'))).toEqual([])
  })

  it('hold their message back, and those after it, until they are there', async () => {
    const ann = await tab()
    let arrive = () => {}
    const arrived = new Promise<void>((resolve) => { arrive = resolve })
    server.hold = (request) => (request.startsWith('PUT /files') ? arrived : undefined)
    ann.uploads.attach('r1', [file('a.txt')])
    await ann.outbox.send('r1', 'with', undefined, ann.uploads.take('r1'))
    await ann.outbox.send('r1', 'after')
    await until(() => expect(ann.timelines.view('r1')!.rows.at(-2)).toMatchObject({ state: 'sending', files: [{ filename: 'a.txt' }] }))
    expect(sent()).toEqual([])
    arrive()
    await until(() => expect(sent()).toEqual(['with[a.txt]', 'after[]']))
  })

  it('survive a reload with their message', async () => {
    const before = await tab()
    server.hold = (request) => (request.startsWith('PUT /files') ? new Promise(() => {}) : undefined)
    before.uploads.attach('r1', [file('a.txt', 'peas')])
    await before.outbox.send('r1', 'kept', undefined, before.uploads.take('r1'))
    before.close()
    server.hold = () => undefined
    const after = await tab()
    await until(() => expect(sent()).toEqual(['kept[a.txt]']))
    expect([...server.files.values()].find((f) => f.taken)!.text).toBe('peas')
    await until(async () => expect(await after.session.storage!.bytes('any')).toBeUndefined())
  })

  it('chosen and not sent survive a reload: one that was there is not sent again, one that was not goes on', async () => {
    const before = await tab()
    before.uploads.attach('r1', [file('a.txt', 'peas')])
    await until(() => expect(before.uploads.attached('r1')[0]!.fileId).toBe('f1'))
    server.hold = (request) => (request.startsWith('PUT /files') ? new Promise(() => {}) : undefined)
    before.uploads.attach('r1', [file('b.txt', 'beans')])
    const kept = async () => Promise.all(before.uploads.attached('r1').map(({ id }) => before.session.storage!.bytes(id)))
    await until(async () => expect((await kept()).map((bytes) => bytes?.size)).toEqual([4, 5]))
    before.close()
    server.hold = () => undefined
    const after = await tab()
    await until(() => expect(after.uploads.attached('r1').map((u) => [u.filename, u.progress, u.error])).toEqual([['a.txt', 1, undefined], ['b.txt', 1, undefined]]))
    expect(after.uploads.attached('r1')[0]!.fileId).toBe('f1')
    await after.outbox.send('r1', 'both', undefined, after.uploads.take('r1'))
    await until(() => expect(sent()).toEqual(['both[a.txt,b.txt]']))
    expect([...server.files.values()].filter((f) => f.taken).map((f) => f.text)).toEqual(['peas', 'beans'])
    const storage = after.session.storage!
    await until(async () => expect(await storage.attached()).toEqual([]))
  })

  it('chosen a day ago are sent anew, and say so if their bytes were too many to keep', async () => {
    const before = await tab()
    before.uploads.attach('r1', [file('a.txt', 'peas'), file('b.txt', 'beans')])
    await until(() => expect(before.uploads.attached('r1').map((u) => u.progress)).toEqual([1, 1]))
    const [a, b] = before.uploads.attached('r1')
    const storage = before.session.storage!
    await until(async () => expect(await storage.bytes(b!.id)).toBeDefined())
    await storage.saveAttached('r1', (await storage.attached())[0]!.files.map((f) => ({ ...f, sentAt: 1 })))
    await storage.dropBytes(b!.id)
    before.close()
    const after = await tab()
    await until(() => expect(after.uploads.byId.get(a!.id)!.fileId).toBe('f3'))
    expect(after.uploads.byId.get(b!.id)!.error).toMatchObject({ code: 'gone', temporary: false })
    after.uploads.remove(b!.id)
    await until(async () => expect((await after.session.storage!.attached())[0]!.files.map((f) => f.filename)).toEqual(['a.txt']))
  })

  it('taken off or sent in one tab are gone from the other', async () => {
    const one = await tab()
    one.uploads.attach('r1', [file('a.txt'), file('b.txt')])
    await until(() => expect(one.uploads.attached('r1').map((u) => u.progress)).toEqual([1, 1]))
    await until(async () => expect((await one.session.storage!.attached())[0]!.files.every((f) => f.fileId)).toBe(true))
    const other = await tab()
    await until(() => expect(other.uploads.attached('r1').map((u) => u.fileId)).toEqual(['f1', 'f2']))
    one.uploads.remove(one.uploads.attached('r1')[0]!.id)
    await until(() => expect(other.uploads.attached('r1').map((u) => u.fileId)).toEqual(['f2']))
    await one.outbox.send('r1', 'mine', undefined, one.uploads.take('r1'))
    await until(() => expect(sent()).toEqual(['mine[b.txt]']))
    await until(() => expect(other.uploads.attached('r1')).toEqual([]))
    expect(other.uploads.byId.size).toBe(0)
  })

  it('are gone with the log-out', async () => {
    const ann = await tab()
    ann.uploads.attach('r1', [file('a.txt')])
    await until(async () => expect(await ann.session.storage!.attached()).toHaveLength(1))
    await ann.session.logout()
    expect(ann.uploads.byId.size).toBe(0)
    expect((await indexedDB.databases()).map(({ name }) => name)).toEqual([])
    await ann.signIn('ann')
    expect(ann.uploads.attached('r1')).toEqual([])
  })

  it('chosen without a network wait, and go on when it is back', async () => {
    const ann = await tab()
    let lost = true
    server.refuse = (request) => { if (lost && request === 'POST /uploads') throw new TypeError('Failed to fetch'); return undefined }
    ann.uploads.attach('r1', [file('a.txt')])
    await until(() => expect(ann.uploads.attached('r1')[0]!.error?.code).toBe('network'))
    lost = false
    ann.uploads.resume()
    await until(() => expect(ann.uploads.attached('r1')[0]).toMatchObject({ progress: 1, error: undefined }))
  })

  it('whose bytes were not kept say so, and their words stay', async () => {
    const ann = await tab()
    await ann.outbox.send('r1', 'words', undefined, [{ id: 'lost', filename: 'a.txt', contentType: 'text/plain', size: 3 }])
    await until(() => expect(ann.outbox.entries).toMatchObject([{ content: 'words', failure: { code: 'gone' } }]))
    expect(sent()).toEqual([])
    await ann.outbox.discard(ann.outbox.entries[0]!.clientMessageId)
    expect(ann.outbox.entries).toEqual([])
  })

  it('that are too large never leave', async () => {
    const ann = await tab()
    ann.uploads.attach('r1', [file('big.txt', 'x'.repeat(1001))])
    await until(() => expect(ann.uploads.attached('r1')[0]!.error).toMatchObject({ code: 'too_large', field: 'size' }))
    expect(server.seen).not.toContain('POST /uploads')
  })

  it('that failed are tried again, and those given up are taken back from the server', async () => {
    const ann = await tab()
    server.refuse = (request) => (request.startsWith('PUT /files') ? { code: 'unavailable' } : undefined)
    ann.uploads.attach('r1', [file('a.txt')])
    await until(() => expect(ann.uploads.attached('r1')[0]!.error?.code).toBe('unavailable'))
    server.refuse = () => undefined
    const [upload] = ann.uploads.attached('r1')
    ann.uploads.retry(upload!.id)
    await until(() => expect(ann.uploads.attached('r1')[0]).toMatchObject({ progress: 1, error: undefined }))
    ann.uploads.remove(upload!.id)
    expect(ann.uploads.attached('r1')).toEqual([])
    await until(() => expect(server.seen).toContain('DELETE /uploads/f2'))
  })

  it('that fail for a while are sent later; a message given up takes them along', async () => {
    const ann = await tab()
    server.refuse = (request) => (request.startsWith('PUT /files') ? { code: 'unavailable', retryAfterMs: 20 } : undefined)
    ann.uploads.attach('r1', [file('a.txt')])
    await ann.outbox.send('r1', 'late', undefined, ann.uploads.take('r1'))
    await until(() => expect(server.seen.filter((s) => s.startsWith('PUT /files')).length).toBeGreaterThan(1))
    server.refuse = () => undefined
    await until(() => expect(sent()).toEqual(['late[a.txt]']))

    let held = 0
    server.hold = (request) => (request.startsWith('PUT /files') ? (held++, new Promise(() => {})) : undefined)
    ann.uploads.attach('r1', [file('b.txt')])
    await ann.outbox.send('r1', 'never', undefined, ann.uploads.take('r1'))
    await until(() => expect(held).toBe(1))
    await ann.outbox.discard(ann.outbox.entries[0]!.clientMessageId)
    expect(ann.uploads.byId.size).toBe(0)
    expect(ann.outbox.entries).toEqual([])
    expect(sent()).toEqual(['late[a.txt]'])
  })

  it('are at most ten a message', async () => {
    const ann = await tab()
    expect(ann.uploads.attach('r1', Array.from({ length: 12 }, (_, i) => file(`${i}.txt`)))).toBe(2)
    expect(ann.uploads.attach('r1', [file('x.txt')])).toBe(1)
    expect(ann.uploads.attached('r1')).toHaveLength(10)
  })
})
