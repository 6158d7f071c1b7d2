import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

/**
 * `idle`: nobody is signed in. `connecting`, `syncing`, `open`: as they say. `waiting`: the next attempt is at `retryAt`.
 * `offline`: the browser has no network. `stopped`: the server said not to come back by ourselves, see `stopReason`.
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'syncing' | 'open' | 'waiting' | 'offline' | 'stopped'
export type StopReason = 'badFrame' | 'removed' | 'tooMany'

/** The socket, as far as people need to know of it. */
export const useConnection = defineStore('connection', () => {
  const status = ref<ConnectionStatus>('idle')
  /** Epoch milliseconds of the next attempt while `waiting`. */
  const retryAt = ref<number | null>(null)
  const stopReason = ref<StopReason | null>(null)
  /** True when something is wrong for longer than a moment: show the connection line. */
  const troubled = ref(false)
  const open = computed(() => status.value === 'open')

  return {
    status, retryAt, stopReason, troubled, open,
    /** Starts connecting and stays connected until `stop`. The shell page calls it; calling again does nothing. */
    start: todo<() => void>(),
    stop: todo<() => void>(),
    /** The 'now' button, also after `stopped`. */
    retryNow: todo<() => void>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
