import { type App, inject, type InjectionKey } from 'vue'
import type { ChannelHandlers } from './api/channel'
import { Http } from './api/http'
import { makeLocks, type WithLock } from './api/locks'
import { putBytes, type PutBytes } from './api/put'
import { Routes } from './api/routes'
import { Socket } from './api/socket'
import { Storage } from './storage/storage'

/** What stores reach the world with; tests put their own in. */
export interface Services {
  http: Http
  routes: Routes
  withLock: WithLock
  openSocket: (url: string, handlers: ChannelHandlers) => Promise<Socket>
  putBytes: PutBytes
  openStorage: (userId: string) => Promise<Storage>
  eraseStorage: (userId: string) => Promise<void>
  /** The browser's service workers, where there are any (none over plain http on another host). */
  worker: ServiceWorkerContainer | undefined
  /** Loads the page anew. */
  reload: () => void
  now: () => number
  random: () => number
}

const servicesKey: InjectionKey<Services> = Symbol('services')

/** The services of a browser, with anything replaced that is given. */
export function makeServices(replaced: Partial<Services> & { fetch?: typeof fetch } = {}): Services {
  const now = replaced.now ?? Date.now
  const withLock = replaced.withLock ?? makeLocks()
  const http = replaced.http ?? new Http({ fetch: replaced.fetch ?? ((...args) => fetch(...args)), withLock, now })
  return {
    http,
    routes: new Routes(http),
    withLock,
    openSocket: (url, handlers) => Socket.open(socketUrl(url), handlers),
    putBytes,
    openStorage: (userId) => Storage.open(userId),
    eraseStorage: (userId) => Storage.erase(userId),
    worker: import.meta.env.PROD ? navigator.serviceWorker : undefined,
    reload: () => location.reload(),
    now,
    random: Math.random,
    ...replaced,
  }
}

/** Makes the services known to every store and component of an app. */
export function provideServices(app: App, services: Services): void {
  app.provide(servicesKey, services)
}

/** The services of this app; for stores. */
export function useServices(): Services {
  const services = inject(servicesKey)
  if (!services) throw new Error('services were not provided')
  return services
}

/** In development the page's own host passes the socket on, as it does the API. */
function socketUrl(url: string): string {
  const target = new URL(url, location.href)
  if (import.meta.env.DEV) target.host = location.host
  target.protocol = target.protocol.replace('http', 'ws')
  return target.href
}
