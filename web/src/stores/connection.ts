import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { ApiError } from '../api/errors'
import { Link, type LinkStatus, type StopReason } from '../api/link'
import { Poll } from '../api/poll'
import type { Actions, Answers } from '../protocol/types'
import { useServices } from '../services'
import { useDispatch } from './dispatch'

export type { StopReason }

/**
 * `idle`: nobody is signed in. `connecting`, `syncing`, `open`: as they say. `waiting`: the next attempt is at `retryAt`.
 * `offline`: the browser has no network. `stopped`: the server said not to come back by ourselves, see `stopReason`.
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'syncing' | 'open' | 'waiting' | 'offline' | 'stopped'

/** Trouble shorter than this many milliseconds is not worth a word. */
const patience = 1_500

/** The socket, as far as people need to know of it. */
export const useConnection = defineStore('connection', () => {
  const services = useServices()
  const status = ref<ConnectionStatus>('idle')
  /** Epoch milliseconds of the next attempt while `waiting` or `offline`. */
  const retryAt = ref<number | null>(null)
  const stopReason = ref<StopReason | null>(null)
  /** True when something is wrong for longer than a moment: show the connection line. */
  const troubled = ref(false)
  /** True while open without a socket, because the network lets none through. */
  const slow = ref(false)
  const open = computed(() => status.value === 'open')

  const dispatch = useDispatch()
  const link = new Link({
    ticket: services.routes.ticket,
    renew: () => services.http.renew(),
    open: services.openSocket,
    poll: (handlers) => new Poll(services.routes, { ...handlers, held: dispatch.held, synced: dispatch.synced, heads: dispatch.heads }),
    online: () => navigator.onLine,
    now: services.now,
    random: services.random,
    onStatus: show,
    onFrame: dispatch.frame,
    onOpen: dispatch.catchUp,
    onNext: dispatch.closeGaps,
    onHandedOver: dispatch.askPresence,
    onHeads: dispatch.heads,
    onLost: dispatch.lost,
  })

  function show(next: LinkStatus): void {
    slow.value = next.status === 'open' ? next.slow : slow.value && (next.status === 'connecting' || next.status === 'syncing')
    retryAt.value = 'retryAt' in next ? next.retryAt : null
    stopReason.value = next.status === 'stopped' ? next.reason : null
    if (next.status === 'expired') {
      services.http.onExpired()
      status.value = 'idle'
    } else if (next.status === 'connecting' && status.value === 'offline' && !navigator.onLine) {
      // Attempts go on (the server may be this very machine), but nobody need see each of them.
    } else {
      status.value = next.status
    }
    if (next.status === 'open') dispatch.opened()
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  watch(status, (now) => {
    if (now === 'open' || now === 'idle') {
      clearTimeout(timer)
      timer = undefined
      troubled.value = false
    } else if (now === 'offline' || now === 'stopped') {
      troubled.value = true
    } else {
      timer ??= setTimeout(() => { troubled.value = true }, patience)
    }
  }, { flush: 'sync' })

  const wentOnline = () => link.retryNow()
  const wentOffline = () => {
    link.networkLost()
    if (status.value === 'waiting') status.value = 'offline'
  }
  const seenAgain = () => { if (document.visibilityState === 'visible') link.probe() }

  /** Starts connecting and stays connected until `stop`; calling again does nothing. Signing in does it. */
  function start(): void {
    window.addEventListener('online', wentOnline)
    window.addEventListener('offline', wentOffline)
    document.addEventListener('visibilitychange', seenAgain)
    link.start()
  }

  function stop(): void {
    window.removeEventListener('online', wentOnline)
    window.removeEventListener('offline', wentOffline)
    document.removeEventListener('visibilitychange', seenAgain)
    link.stop()
  }

  /** The 'now' button, also after `stopped`. */
  function retryNow(): void {
    link.retryNow()
  }

  /** Sends an action over the open socket and waits for the answer; rejects with ApiError. */
  async function request<A extends keyof Answers>(action: A, data: Actions[A]): Promise<Answers[A]> {
    if (!link.current) throw new ApiError('network', 'There is no connection.')
    return link.current.request(action, data)
  }

  /** Sends an action without an answer, if there is a socket. */
  function post<A extends keyof Actions>(action: A, data: Actions[A]): void {
    link.current?.post(action, data)
  }

  /** True if a socket is there to send over. */
  function connected(): boolean {
    return link.current !== null
  }

  return { status, retryAt, stopReason, troubled, slow, open, start, stop, retryNow, request, post, connected }
})
