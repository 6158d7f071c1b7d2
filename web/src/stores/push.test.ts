import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Http } from '../api/http'
import { makeLocks } from '../api/locks'
import { Routes } from '../api/routes'
import { subscribe } from '../api/subscribe'

/** A browser's push manager: one subscription at most, made for one key. */
class FakeManager {
  held: { endpoint: string; options: { applicationServerKey: ArrayBuffer }; unsubscribe: () => Promise<boolean>; toJSON: () => unknown } | null = null
  made = 0
  getSubscription = () => Promise.resolve(this.held)
  subscribe = ({ applicationServerKey }: { applicationServerKey: string }) => {
    const endpoint = `https://push.example/${++this.made}`
    const text = atob(applicationServerKey.replaceAll('-', '+').replaceAll('_', '/'))
    this.held = {
      endpoint, options: { applicationServerKey: Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer },
      unsubscribe: () => { this.held = null; return Promise.resolve(true) },
      toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: 'p', auth: 'a' } }),
    }
    return Promise.resolve(this.held)
  }
}

describe('a subscription', () => {
  const manager = new FakeManager()
  let publicKey = 'AA-_'
  const told: unknown[] = []
  const server = vi.fn((path: string, init: RequestInit) => {
    if (path.endsWith('/auth/refresh')) return Response.json({ accessToken: 't', expiresIn: 900, user: { userId: 'ann' } })
    if (path.endsWith('/push/key')) return Response.json({ publicKey })
    told.push(JSON.parse(init.body as string))
    return Response.json({ subscriptionId: 's' })
  })
  const routes = new Routes(new Http({ fetch: ((path: string, init: RequestInit) => Promise.resolve(server(path, init))) as typeof fetch, withLock: makeLocks(undefined), now: Date.now }))
  const run = () => subscribe(manager as unknown as PushManager, routes, 'Firefox on Linux', 'de')

  it('is made once and told at each start, and made anew when the server has another key', async () => {
    await run()
    expect(told).toEqual([{ endpoint: 'https://push.example/1', keys: { p256dh: 'p', auth: 'a' }, device: 'Firefox on Linux', language: 'de' }])
    await run()
    expect(manager.made).toBe(1)
    expect(told).toHaveLength(2)
    publicKey = '_-AA'
    await run()
    expect(manager.made).toBe(2)
    expect(told[2]).toMatchObject({ endpoint: 'https://push.example/2' })
  })
})

describe('notifications on this device', () => {
  beforeEach(() => {
    localStorage.clear()
    vi.stubGlobal('indexedDB', new IDBFactory())
    vi.stubGlobal('PushManager', class {})
  })
  afterEach(() => vi.unstubAllGlobals())

  async function signedIn(permission: NotificationPermission, manager = new FakeManager(), shown: object[] = []) {
    vi.resetModules()
    const { createApp } = await import('vue')
    const { createPinia } = await import('pinia')
    const { makeServices, provideServices } = await import('../services')
    const { useSession } = await import('./session')
    const { usePush } = await import('./push')
    const { useRooms } = await import('./rooms')
    const requestPermission = vi.fn(() => Promise.resolve(permission))
    vi.stubGlobal('Notification', { permission, requestPermission })
    const closed = vi.fn()
    const registration = { pushManager: manager, getNotifications: () => Promise.resolve(shown.length > 0 ? shown : [{ close: closed }]) }
    const app = createApp({}).use(createPinia())
    provideServices(app, makeServices({
      worker: { ready: Promise.resolve(registration), getRegistration: () => Promise.resolve(registration) } as unknown as ServiceWorkerContainer,
      fetch: ((path: string) => Promise.resolve(path.endsWith('/push/key') ? Response.json({ publicKey: 'AA-_' })
        : Response.json({ accessToken: 't', expiresIn: 900, user: { userId: 'ann' }, subscriptionId: 's' }))) as typeof fetch,
    }))
    const session = app.runWithContext(() => useSession())
    session.user = { userId: 'ann', username: 'ann', displayName: 'Ann', createdAt: 1 }
    return { rooms: app.runWithContext(() => useRooms()), push: app.runWithContext(() => usePush()), requestPermission, manager, closed }
  }

  it('are asked for on a click only, and go on by themselves at the next start', async () => {
    const { push, requestPermission, manager } = await signedIn('granted')
    await push.start()
    expect(push.state).toBe('off')
    expect(manager.made).toBe(0)
    expect(requestPermission).not.toHaveBeenCalled()
    await push.enable('Here')
    expect(push.state).toBe('on')
    const again = await signedIn('granted', manager)
    await again.push.start()
    expect(again.push.state).toBe('on')
    expect(again.requestPermission).not.toHaveBeenCalled()
  })

  it('end with the session, those on screen too', async () => {
    const { push, manager, closed } = await signedIn('granted')
    await push.enable('Here')
    await push.unsubscribe()
    expect(manager.held).toBeNull()
    expect(closed).toHaveBeenCalledOnce()
    const again = await signedIn('granted', manager)
    await again.push.start()
    expect(again.push.state).toBe('off')
  })

  it('go when their message is read, here or on another device, and only then', async () => {
    const shown = [['r1', 7], ['r1', 8], ['r2', undefined], ['r3', undefined], ['elsewhere', 1], ['', undefined]]
      .map(([tag, seq]) => ({ tag, data: tag === 'r1' ? { path: '/', seq } : null, close: vi.fn() }))
    const { push, rooms } = await signedIn('granted', undefined, shown)
    const room = (roomId: string, readSeq: number, unread: number) => rooms.byId.set(roomId, {
      roomId, kind: 'public', name: roomId, topic: '', createdBy: 'ann', createdAt: 1, headSeq: 9, unread, mentions: 0,
      membership: { roomId, userId: 'ann', role: 'member', joinedAt: 1, readSeq },
    })
    room('r1', 7, 1)
    room('r2', 9, 0)
    room('r3', 3, 2)
    await push.tidy()
    expect(shown.map(({ close }) => close.mock.calls.length)).toEqual([1, 0, 1, 0, 0, 0])
  })

  it('that are forbidden are said to be, without asking', async () => {
    const { push, manager } = await signedIn('denied')
    await push.start()
    expect(push.state).toBe('denied')
    expect(manager.made).toBe(0)
  })
})
