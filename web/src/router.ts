import { createRouter, createWebHistory, type Router, type RouteRecordRaw } from 'vue-router'
import { watch } from 'vue'
import { useSession } from './stores/session'
import { openPath } from './worker/messages'

declare module 'vue-router' {
  interface RouteMeta {
    /** Who may see the route: without it, only those signed in. */
    access?: 'guest' | 'all'
  }
}

const routes: RouteRecordRaw[] = [
  {
    path: '/',
    component: () => import('./pages/ChatPage.vue'),
    children: [
      { path: '', name: 'home', component: () => import('./pages/HomePage.vue') },
      { path: 'rooms', name: 'browse', component: () => import('./pages/BrowsePage.vue') },
      {
        // `?message=ID` is a link to one message, at which the room opens; `?at=MILLISECONDS` to the first one of that time.
        path: 'rooms/:roomId', name: 'room', component: () => import('./pages/RoomPage.vue'),
        props: ({ params, query }) => ({ roomId: params.roomId, messageId: typeof query.message === 'string' ? query.message : undefined, at: Number(query.at) || undefined }),
      },
      { path: 'notifications', name: 'notifications', component: () => import('./pages/NotificationsPage.vue') },
      { path: 'settings/messages', name: 'myMessages', component: () => import('./pages/MyMessagesPage.vue') },
      { path: 'settings', name: 'settings', component: () => import('./pages/SettingsPage.vue') },
    ],
  },
  { path: '/login', name: 'login', meta: { access: 'guest' }, component: () => import('./pages/LoginPage.vue') },
  // Also the very first page of a fresh server: session.server.setupRequired.
  { path: '/register', name: 'register', meta: { access: 'guest' }, component: () => import('./pages/RegisterPage.vue') },
  { path: '/invite/:token', name: 'invite', meta: { access: 'all' }, component: () => import('./pages/InvitePage.vue'), props: true },
  { path: '/:rest(.*)*', name: 'notFound', meta: { access: 'all' }, component: () => import('./pages/NotFoundPage.vue') },
]

/** Makes the router; routes load their pages when first visited. `?next=` carries the way back through log-in. */
export function makeRouter(): Router {
  const router = createRouter({ history: createWebHistory(), routes })
  router.beforeEach(async (to) => {
    const session = useSession()
    if (session.status === 'unknown') await session.restore()
    const access = to.matched.findLast((r) => r.meta.access)?.meta.access
    if (access === 'all') return true
    if (access === 'guest') return session.signedIn ? { name: 'home' } : true
    if (session.signedIn) return true
    const fresh = session.server?.setupRequired ?? false
    return { name: fresh ? 'register' : 'login', query: to.path === '/' ? {} : { next: to.fullPath } }
  })
  return router
}

/** Leads to the log-in when a session ends while a page is open that needs one, and remembers the way back. */
export function followSession(router: Router): void {
  const session = useSession()
  watch(() => session.signedIn, (signedIn) => {
    const here = router.currentRoute.value
    if (signedIn || here.matched.some((r) => r.meta.access)) return
    const query = session.status === 'expired' ? { next: here.fullPath } : {}
    void router.replace({ name: 'login', query })
  })
}

/** Goes to what a notification speaks of when it is chosen while the app is open. */
export function followNotifications(router: Router, worker: ServiceWorkerContainer | undefined): void {
  worker?.addEventListener('message', (event: MessageEvent<{ type?: string; path?: string } | null>) => {
    if (event.data?.type === openPath && event.data.path) void router.push(event.data.path)
  })
}

/**
 * A page whose code is gone was made for an older release than the server's: the page is loaded anew, with the new
 * release. Without the server, or if that did not help a moment ago, one stays where one is.
 */
export function followReleases(router: Router): void {
  const key = 'parley.reloadedAt'
  router.onError(async (_error, to) => {
    const again = Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 30_000
    if (again || !(await fetch('/healthz').catch(() => null))?.ok) return
    sessionStorage.setItem(key, String(Date.now()))
    location.assign(to.fullPath)
  })
}
