import { defineStore } from 'pinia'
import { computed, ref, shallowReactive } from 'vue'
import type { Invite, Member, Membership, MyRoom, PublicRoom, Role } from '../protocol/types'

/** The rooms of the person signed in, and what can be done with rooms. */
export const useRooms = defineStore('rooms', () => {
  const byId = shallowReactive(new Map<string, MyRoom>())
  /** True once the list is known, from the cache or the server. */
  const loaded = ref(false)
  /** Public and private rooms, in the order chosen in the settings (what needs me first, then by name or recency). */
  const channels = computed<MyRoom[]>(() => [])
  /** Direct rooms, in the same order. */
  const directs = computed<MyRoom[]>(() => [])
  /** Rooms (not muted) with something unread, and all mentions: for the title and badges. */
  const totals = computed<{ unread: number; mentions: number }>(() => ({ unread: 0, mentions: 0 }))

  return {
    byId, loaded, channels, directs, totals,
    get: (roomId: string): MyRoom | undefined => byId.get(roomId),
    /** What to call a room: its name, or for direct rooms the others' display names. */
    title: todo<(room: MyRoom) => string>(),
    /** The others of a direct room. */
    others: todo<(room: MyRoom) => { userId: string; displayName: string; avatarUrl?: string }[]>(),
    /** Asks the server for the list again. */
    refresh: todo<() => Promise<void>>(),
    browse: todo<(query: string, cursor?: string) => Promise<{ rooms: PublicRoom[]; cursor?: string }>>(),
    create: todo<(input: { kind: 'public' | 'private'; name: string; topic?: string }) => Promise<MyRoom>>(),
    update: todo<(roomId: string, patch: { name?: string; topic?: string }) => Promise<void>>(),
    remove: todo<(roomId: string) => Promise<void>>(),
    join: todo<(roomId: string) => Promise<MyRoom>>(),
    leave: todo<(roomId: string) => Promise<void>>(),
    openDirect: todo<(userIds: string[]) => Promise<MyRoom>>(),
    members: todo<(roomId: string, cursor?: string) => Promise<{ members: Member[]; cursor?: string }>>(),
    /** Adds a person or changes a role. */
    setMember: todo<(roomId: string, userId: string, role?: Role) => Promise<Membership>>(),
    removeMember: todo<(roomId: string, userId: string) => Promise<void>>(),
    createInvite: todo<(input: { roomId?: string; expiresIn?: number; maxUses?: number }) => Promise<Invite>>(),
    listInvites: todo<() => Promise<Invite[]>>(),
    revokeInvite: todo<(token: string) => Promise<void>>(),
    /** Takes an invitation; answers the room it leads to, if any. */
    acceptInvite: todo<(token: string) => Promise<MyRoom | null>>(),
    /** Says what was on screen while the window had focus; sent to the server debounced. */
    markRead: todo<(roomId: string, seq: number) => void>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
