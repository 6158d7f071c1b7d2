import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import type { Presence, User } from '../protocol/types'

/** Who people are, who is there, and who types. */
export const usePeople = defineStore('people', () => {
  const users = shallowReactive(new Map<string, User>())
  const presence = shallowReactive(new Map<string, Presence>())

  return {
    users, presence,
    /** The person if known; asks the server for one who is not (the answer arrives reactively). */
    user: todo<(userId: string) => User | undefined>(),
    /** The display name, or `fallback` (a message's username) until it is known. */
    name: todo<(userId: string, fallback?: string) => string>(),
    online: (userId: string): boolean => presence.get(userId)?.online ?? false,
    lastSeen: (userId: string): number | undefined => presence.get(userId)?.lastSeen,
    /** Users who type in a room now, oneself excluded. */
    typing: todo<(roomId: string) => string[]>(),
    /** Says that one types; call on each keystroke, sent at most every 3 s. */
    sayTyping: todo<(roomId: string) => void>(),
    /** Asks who of a room is online. */
    loadPresence: todo<(roomId: string) => Promise<void>>(),
    search: todo<(query: string, cursor?: string) => Promise<{ users: User[]; cursor?: string }>>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
