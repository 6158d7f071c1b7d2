import { type NoticeData, openPath } from './messages'

/** What the server pushes: a declarative message (https://www.w3.org/TR/push-api/), and what Parley adds to it. */
export interface Push {
  notification: { title: string; body: string; navigate: string; tag?: string; lang?: string }
  roomId?: string
  messageId?: string
  /** Its number in the room's log. */
  seq?: number
  /** `message` (a room one hears everything of), `mention`, `reply`, `direct`; `test`. */
  kind: string
}

/** Reads what was pushed; null if it is not from Parley. */
export function readPush(data: PushMessageData | null): Push | null {
  try {
    const push = data?.json() as Partial<Push> | undefined
    const { title, body, navigate } = push?.notification ?? {}
    if (typeof title !== 'string' || typeof body !== 'string' || typeof navigate !== 'string') return null
    return { ...push, kind: push?.kind ?? 'message' } as Push
  } catch {
    return null
  }
}

/** Shows what was pushed, unless the person is looking at that very room: then they see the message itself. */
export async function show(scope: ServiceWorkerGlobalScope, push: Push): Promise<void> {
  const { title, body, navigate, tag, lang } = push.notification
  const windows = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const inRoom = (client: WindowClient) => client.focused && push.roomId !== undefined && new URL(client.url).pathname === `/rooms/${push.roomId}`
  if (windows.some(inRoom)) return
  await scope.registration.showNotification(title, {
    body, lang, tag,
    // The next one of a room takes the place of the last; only what is meant for the person calls again.
    renotify: tag !== undefined && push.kind !== 'message',
    icon: '/icons/app-192.png', badge: '/icons/badge-96.png',
    data: { path: pathOf(navigate, scope.location.origin), seq: push.seq } satisfies NoticeData,
  } as NotificationOptions)
  await countShown(scope)
}

/** Shows on the app's icon how many notifications there are. While the app is open it knows better, and does it itself. */
export async function countShown(scope: ServiceWorkerGlobalScope): Promise<void> {
  const windows = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (windows.length > 0) return
  const shown = await scope.registration.getNotifications()
  await (scope.navigator as { setAppBadge?: (count: number) => Promise<void> }).setAppBadge?.(shown.length).catch(() => {})
}

/** Leads to what a notification speaks of: in a window that is open, or in a new one. */
export async function follow(scope: ServiceWorkerGlobalScope, notification: Notification): Promise<void> {
  notification.close()
  const path = (notification.data as NoticeData | null)?.path ?? '/'
  const windows = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const best = windows.find((client) => client.focused) ?? windows.find((client) => client.visibilityState === 'visible') ?? windows[0]
  if (!best) return void await scope.clients.openWindow(path)
  best.postMessage({ type: openPath, path })
  // A browser may not let a worker take the focus; the window is there all the same.
  await best.focus().catch(() => undefined)
}

/** A place inside this app, wherever the server believes itself to be. */
function pathOf(navigate: string, origin: string): string {
  const { pathname, search } = new URL(navigate, origin)
  return pathname + search
}
