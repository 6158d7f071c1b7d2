import { defineStore } from 'pinia'
import { ref } from 'vue'
import { useServices } from '../services'
import { skipWaiting } from '../worker/messages'

/** How often an app that stays open asks for a new version, in milliseconds. */
const askEvery = 60 * 60_000

/**
 * The service worker of this browser, which lets the app start without a network, and the versions it brings. A new one
 * waits until the person wants it: the page is never loaded anew under somebody who writes.
 */
export const useUpdates = defineStore('updates', () => {
  const { worker, reload } = useServices()
  /** True when a newer version than the one on screen is there. */
  const ready = ref(false)
  let registration: ServiceWorkerRegistration | undefined
  let wanted = false

  /** Installs the worker, once, when the app has started; without one the app works all the same. */
  async function start(): Promise<void> {
    if (!worker) return
    let controlled = worker.controller !== null
    worker.addEventListener('controllerchange', () => {
      if (wanted) return reload()
      // Another tab took the new version: the code of this page is the old one. The very first worker is no new version.
      if (controlled) ready.value = true
      controlled = true
    })
    // A browser may forbid to keep anything.
    registration = await worker.register('/sw.js', { updateViaCache: 'none' }).catch(() => undefined)
    if (!registration) return
    notice(registration.waiting)
    registration.addEventListener('updatefound', () => {
      const next = registration?.installing
      next?.addEventListener('statechange', () => notice(registration?.waiting))
    })
    setInterval(check, askEvery)
  }

  function notice(waiting: ServiceWorker | null | undefined): void {
    if (waiting && worker?.controller) ready.value = true
  }

  /** Asks the server for a new version, e.g. when the connection is back. */
  function check(): void {
    void registration?.update().catch(() => {})
  }

  /** Goes over to the new version: loads the page anew. */
  function apply(): void {
    wanted = true
    if (registration?.waiting) registration.waiting.postMessage(skipWaiting)
    else reload()
  }

  return { ready, start, check, apply }
})
