import { cleanupOutdatedCaches, createHandlerBoundToURL, type PrecacheEntry, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { appPaths } from '../paths'
import { skipWaiting } from './messages'

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
