import { cleanupOutdatedCaches, createHandlerBoundToURL, type PrecacheEntry, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { Http } from '../api/http'
import { makeLocks } from '../api/locks'
import { Routes } from '../api/routes'
import { subscribe } from '../api/subscribe'
import { appPaths } from '../paths'
import { skipWaiting } from './messages'
import { countShown, follow, readPush, show } from './notices'

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] }

/*
 * The service worker: keeps the app itself (its page, code and styles) in this browser, so that it starts without a
 * network. What people write is none of its business: it never answers for the API, the socket or files, which go
 * to the network as if it were not there.
 */
precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(new NavigationRoute(createHandlerBoundToURL('/index.html'), { allowlist: [appPaths] }))

// The first page loads what it needs later from here too; a new version waits until somebody says so.
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('message', (event) => {
  if (event.data === skipWaiting) void self.skipWaiting()
})

// Somebody wrote to a person who is away.
self.addEventListener('push', (event) => {
  const push = readPush(event.data)
  if (push) event.waitUntil(show(self, push))
})
self.addEventListener('notificationclick', (event) => event.waitUntil(follow(self, event.notification)))
self.addEventListener('notificationclose', (event) => event.waitUntil(countShown(self)))

// The browser gave the subscription another address. The session's cookie is enough to say so; should it be over, the
// next start of the app does it.
self.addEventListener('pushsubscriptionchange', (event) => {
  const routes = new Routes(new Http({ fetch: (...args) => fetch(...args), withLock: makeLocks(), now: Date.now }))
  ;(event as ExtendableEvent).waitUntil(subscribe(self.registration.pushManager, routes, '', navigator.language).catch(() => {}))
})
