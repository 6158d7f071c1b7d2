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
