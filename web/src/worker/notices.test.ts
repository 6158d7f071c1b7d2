import { describe, expect, it, vi } from 'vitest'
import { openPath } from './messages'
import { follow, type Push, readPush, show } from './notices'

const push: Push = {
  kind: 'mention', roomId: 'r1', messageId: 'm1', seq: 7,
  notification: { title: 'Ben', body: 'Hello', navigate: 'https://chat.example/rooms/r1?message=m1', tag: 'r1', lang: 'en' },
}
const data = (value: unknown) => ({ json: () => (typeof value === 'string' ? JSON.parse(value) as unknown : value) }) as PushMessageData

function scope(windows: { url: string; focused?: boolean; visibilityState?: string }[] = []) {
  const clients = windows.map((each) => ({ focused: false, visibilityState: 'hidden', ...each, postMessage: vi.fn(), focus: vi.fn(() => Promise.resolve()) }))
  const setAppBadge = vi.fn(() => Promise.resolve())
  const showNotification = vi.fn((_title: string, _options: Record<string, unknown>) => Promise.resolve())
  const openWindow = vi.fn(() => Promise.resolve(null))
  const self = {
    location: { origin: 'https://chat.example' }, navigator: { setAppBadge },
    clients: { matchAll: () => Promise.resolve(clients), openWindow },
    registration: { showNotification, getNotifications: () => Promise.resolve([{}, {}]) },
  } as unknown as ServiceWorkerGlobalScope
  return { self, clients, showNotification, openWindow, setAppBadge }
}
const notification = (path: unknown) => ({ close: vi.fn(), data: { path } }) as unknown as Notification

describe('what is pushed', () => {
  it('is read if it is from Parley, and nothing else is', () => {
    expect(readPush(data(push))).toEqual(push)
    for (const other of [null, 'no json', '[]', '{}', '{"notification":{"title":1}}', 'null']) expect(readPush(other === null ? null : data(other))).toBeNull()
  })

  it('is shown, one for each room; only what is meant for the person calls again', async () => {
    const { self, showNotification } = scope([{ url: 'https://chat.example/rooms/r2', focused: true }])
    await show(self, push)
    expect(showNotification).toHaveBeenCalledWith('Ben', expect.objectContaining({ body: 'Hello', tag: 'r1', renotify: true, data: { path: '/rooms/r1?message=m1', seq: 7 } }))
    await show(self, { ...push, kind: 'message' })
    expect(showNotification.mock.calls[1]![1]).toMatchObject({ renotify: false })
  })

  it('is not shown over the very room that one is looking at', async () => {
    const { self, showNotification } = scope([{ url: 'https://chat.example/rooms/r1?x=1', focused: true }])
    await show(self, push)
    expect(showNotification).not.toHaveBeenCalled()
    const behind = scope([{ url: 'https://chat.example/rooms/r1', focused: false, visibilityState: 'visible' }])
    await show(behind.self, push)
    expect(behind.showNotification).toHaveBeenCalledOnce()
  })

  it('is counted on the icon of the app, unless the app is open: it counts what is unread', async () => {
    const away = scope()
    await show(away.self, push)
    expect(away.setAppBadge).toHaveBeenCalledWith(2)
    const open = scope([{ url: 'https://chat.example/settings' }])
    await show(open.self, push)
    expect(open.showNotification).toHaveBeenCalledOnce()
    expect(open.setAppBadge).not.toHaveBeenCalled()
  })

  it('leads only to places of this app, wherever the server believes itself to be', async () => {
    const { self, showNotification } = scope()
    await show(self, { ...push, notification: { ...push.notification, navigate: 'https://evil.example/rooms/r1?message=m1' } })
    expect(showNotification.mock.calls[0]![1]).toMatchObject({ data: { path: '/rooms/r1?message=m1' } })
  })
})

describe('a click', () => {
  it('goes to the window one has before one’s eyes, and tells it where to go', async () => {
    const { self, clients, openWindow } = scope([{ url: 'https://chat.example/' }, { url: 'https://chat.example/settings', visibilityState: 'visible' }])
    const clicked = notification('/rooms/r1?message=m1')
    await follow(self, clicked)
    expect(clicked.close).toHaveBeenCalledOnce()
    expect(clients[1]!.postMessage).toHaveBeenCalledWith({ type: openPath, path: '/rooms/r1?message=m1' })
    expect(clients[1]!.focus).toHaveBeenCalledOnce()
    expect(clients[0]!.postMessage).not.toHaveBeenCalled()
    expect(openWindow).not.toHaveBeenCalled()
  })

  it('opens a window where there is none', async () => {
    const { self, openWindow } = scope()
    await follow(self, notification('/rooms/r1?message=m1'))
    expect(openWindow).toHaveBeenCalledWith('/rooms/r1?message=m1')
  })
})
