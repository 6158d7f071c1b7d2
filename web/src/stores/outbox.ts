import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { OutboxEntry } from '../timeline/types'

/** What waits to be sent, in this browser, by the person signed in. Survives a reload. */
export const useOutbox = defineStore('outbox', () => {
  const entries = shallowRef<readonly OutboxEntry[]>([])
  /** clientMessageIds on their way right now. */
  const sending = shallowRef<ReadonlySet<string>>(new Set())
  /** How many wait and are not refused: 'offline, 2 messages waiting'. */
  const waiting = computed(() => entries.value.filter((e) => !e.failure).length)

  return {
    entries, sending, waiting,
    /** Puts a message in the queue; it appears in the room at once. */
    send: todo<(roomId: string, content: string, replyTo?: string) => Promise<void>>(),
    /** Tries a failed one again. */
    retry: todo<(clientMessageId: string) => Promise<void>>(),
    /** Deletes one that was not sent. */
    discard: todo<(clientMessageId: string) => Promise<void>>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
