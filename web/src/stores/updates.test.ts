import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeServices, provideServices } from '../services'
import { skipWaiting } from '../worker/messages'
import { useUpdates } from './updates'

/** The part of a browser's service workers that the store uses. */
class FakeWorkers extends EventTarget {
  controller: object | null = null
  readonly registration = Object.assign(new EventTarget(), {
    waiting: null as { postMessage: (message: unknown) => void } | null,
    installing: null as EventTarget | null,
    update: vi.fn(() => Promise.resolve()),
  })
  readonly register = vi.fn(() => Promise.resolve(this.registration))

  /** A version is there; the first one takes over by itself, a later one waits. */
  install(): void {
    const installing = new EventTarget()
    this.registration.installing = installing
    this.registration.dispatchEvent(new Event('updatefound'))
    if (this.controller) this.registration.waiting = { postMessage: (message) => { if (message === skipWaiting) this.takeOver() } }
    installing.dispatchEvent(new Event('statechange'))
    if (!this.controller) this.takeOver()
  }

  takeOver(): void {
    this.controller = {}
    this.registration.waiting = null
    this.dispatchEvent(new Event('controllerchange'))
  }
}

describe('a new version', () => {
  let workers: FakeWorkers
  const reload = vi.fn()

  async function start(worker: FakeWorkers | undefined = workers) {
    const app = createApp({}).use(createPinia())
    provideServices(app, makeServices({ worker: worker as unknown as ServiceWorkerContainer, reload }))
    const updates = app.runWithContext(() => useUpdates())
    await updates.start()
    return updates
  }

  beforeEach(() => {
    vi.useFakeTimers()
    workers = new FakeWorkers()
    reload.mockReset()
  })
  afterEach(() => vi.useRealTimers())

  it('is not what the first visit installs', async () => {
    const updates = await start()
    workers.install()
    expect(updates.ready).toBe(false)
    expect(reload).not.toHaveBeenCalled()
  })

  it('waits until the person wants it, then the page is loaded anew', async () => {
    workers.controller = {}
    const updates = await start()
    workers.install()
    expect(updates.ready).toBe(true)
    expect(reload).not.toHaveBeenCalled()
    updates.apply()
    expect(reload).toHaveBeenCalledOnce()
  })

  it('that came while nobody looked is offered at the next start', async () => {
    workers.controller = {}
    workers.registration.waiting = { postMessage: () => {} }
    expect((await start()).ready).toBe(true)
  })

  it('taken by another tab does not reload this one, where somebody may be writing', async () => {
    workers.controller = {}
    const updates = await start()
    workers.takeOver()
    expect(reload).not.toHaveBeenCalled()
    expect(updates.ready).toBe(true)
    updates.apply()
    expect(reload).toHaveBeenCalledOnce()
  })

  it('is looked for every hour', async () => {
    await start()
    await vi.advanceTimersByTimeAsync(2 * 60 * 60_000)
    expect(workers.registration.update).toHaveBeenCalledTimes(2)
  })

  it('is no concern where there are no service workers', async () => {
    const updates = await start(undefined)
    updates.check()
    expect(updates.ready).toBe(false)
  })
})
