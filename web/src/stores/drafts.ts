import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'

export interface Draft {
  text: string
  replyTo?: string
}

/** What was written and not yet sent, a draft a room, kept in this browser. */
export const useDrafts = defineStore('drafts', () => {
  const byRoom = shallowReactive(new Map<string, Draft>())

  return {
    byRoom,
    get: (roomId: string): Draft => byRoom.get(roomId) ?? { text: '' },
    has: (roomId: string): boolean => byRoom.has(roomId),
    /** An empty text without a reply forgets the draft. Written to storage debounced. */
    set: todo<(roomId: string, draft: Draft) => void>(),
    clear: todo<(roomId: string) => void>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
