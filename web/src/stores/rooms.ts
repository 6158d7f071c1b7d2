import { defineStore } from 'pinia'
import { computed, ref, shallowReactive } from 'vue'
import { ApiError } from '../api/errors'
import { version } from '../timeline/merge'
import { logNumber } from '../timeline/log'
import type { Invite, LogFrame, Member, Membership, Message, MyRoom, NotifyLevel, Role, Room, RoomEvent, User } from '../protocol/types'
import { useServices } from '../services'
import { useConnection } from './connection'
import { usePeople } from './people'
import { useReadMarks } from './readMarks'
import { useSession } from './session'
import { useSettings } from './settings'
import { useTimelines } from './timelines'

/** The server counts mentions no further. */
const countedTo = 100

const names = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true })

/** The rooms of the person signed in, and what can be done with rooms. Actions reject with ApiError. */
export const useRooms = defineStore('rooms', () => {
  const { routes } = useServices()
  const session = useSession()
  const settings = useSettings()
  const people = usePeople()
  const byId = shallowReactive(new Map<string, MyRoom>())
  /** True once the list is known, from the cache or the server. */
  const loaded = ref(false)
  const fetching = new Map<string, Promise<void>>()
  const marks = useReadMarks(async (roomId, seq) => {
    if (useSession().leaving) return
    await (useConnection().connected() ? useConnection().request('markRead', { roomId, seq }) : routes.markRead(roomId, seq))
  })

  /** Public and private rooms, in the order chosen in the settings (what needs me first, then by name or recency). */
  const channels = computed(() => ordered([...byId.values()].filter((r) => r.kind !== 'direct')))
  /** Direct rooms, in the same order. */
  const directs = computed(() => ordered([...byId.values()].filter((r) => r.kind === 'direct')))
  /** Unread messages (muted rooms left out) and mentions of all rooms: for the title and badges. */
  const totals = computed(() => [...byId.values()].reduce((sum, room) => ({
    unread: sum.unread + (muted(room) ? 0 : room.unread),
    mentions: sum.mentions + (muted(room) ? 0 : room.mentions),
  }), { unread: 0, mentions: 0 }))

  function ordered(rooms: MyRoom[]): MyRoom[] {
    const need = (r: MyRoom) => (muted(r) || r.unread === 0 ? 0 : r.mentions > 0 ? 2 : 1)
    const recent = (r: MyRoom) => r.lastMessage?.createdAt ?? r.createdAt
    const byName = (a: MyRoom, b: MyRoom) => names.compare(title(a), title(b))
    return rooms.sort((a, b) => need(b) - need(a)
      || (settings.roomOrder === 'recency' ? recent(b) - recent(a) : 0) || byName(a, b) || a.roomId.localeCompare(b.roomId))
  }

  const get = (roomId: string): MyRoom | undefined => byId.get(roomId)

  /** True where one is told of nothing. */
  const muted = (room: MyRoom): boolean => room.notify === 'nothing'

  /** Chooses what of a room one is told of; shown at once, and as before if the server refuses. */
  async function setNotify(roomId: string, level: NotifyLevel): Promise<void> {
    const before = byId.get(roomId)
    if (!before) return
    set({ ...before, notify: level })
    try {
      await routes.setNotify(roomId, level)
      save()
    } catch (error) {
      const held = byId.get(roomId)
      if (held?.notify === level) set({ ...held, notify: before.notify ?? 'default' })
      throw error
    }
  }

  /** The others of a direct room. */
  function others(room: MyRoom): User[] {
    const all = (room.members ?? []).map((m) => people.users.get(m.userId) ?? m)
    return all.filter((m) => m.userId !== session.userId)
  }

  /** What to call a room: its name, or for direct rooms the others' display names. */
  function title(room: MyRoom): string {
    if (room.kind !== 'direct') return room.name
    return others(room).map((u) => u.displayName || u.username).join(', ') || room.name || session.user?.displayName || ''
  }

  function set(room: MyRoom): void {
    byId.set(room.roomId, room)
    people.learn(room.members ?? [])
  }

  /** Takes in a room as the server gives it, without losing what was learned meanwhile. */
  function adopt(room: MyRoom): MyRoom {
    const held = byId.get(room.roomId)
    const behind = held !== undefined && held.headSeq > room.headSeq
    const readSeq = Math.max(room.membership.readSeq, marks.pending(room.roomId))
    const next = {
      ...room,
      ...(behind && { headSeq: held.headSeq, unread: held.unread, mentions: held.mentions, lastMessage: held.lastMessage }),
      members: room.members ?? held?.members,
      membership: { ...room.membership, readSeq },
    }
    const settled = readSeq > room.membership.readSeq ? counted(next, room.membership.readSeq) : next
    // What has not changed stays the same object, and the list as it was drawn.
    if (!held || JSON.stringify(held) !== JSON.stringify(settled)) set(settled)
    useTimelines().begin(room.roomId, room.headSeq)
    save()
    return byId.get(room.roomId)!
  }

  /** Counts again what is unread after a marker moved on from `before`: from what is held, or less what is held of what was read. */
  function counted(room: MyRoom, before: number): MyRoom {
    const { roomId, membership: { readSeq }, unread, mentions } = room
    const counts = useTimelines().countAfter(roomId, readSeq)
    if (counts) return { ...room, ...counts }
    if ((room.lastMessage?.seq ?? 0) <= readSeq) return { ...room, unread: 0, mentions: 0 }
    const read = useTimelines().countWithin(roomId, before, readSeq)
    // The server counts mentions to a hundred: how many there are beyond is not known.
    return { ...room, unread: Math.max(0, unread - read.unread), mentions: mentions < countedTo ? Math.max(0, mentions - read.mentions) : mentions }
  }

  /** Asks the server for the list again. */
  async function refresh(): Promise<void> {
    const rooms: MyRoom[] = []
    let cursor: string | undefined
    do {
      const page = await routes.myRooms(cursor)
      rooms.push(...page.rooms)
      cursor = page.cursor
    } while (cursor)
    const keep = new Set(rooms.map((r) => r.roomId))
    for (const roomId of byId.keys()) if (!keep.has(roomId)) drop(roomId)
    rooms.forEach(adopt)
    loaded.value = true
  }

  /** Fetches a room that frames speak of but the list does not know. */
  function discover(roomId: string): Promise<void> {
    let running = fetching.get(roomId)
    if (!running) {
      running = routes.room(roomId).then((room) => { if (room.membership) adopt(room) }).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error
      }).finally(() => fetching.delete(roomId))
      fetching.set(roomId, running)
    }
    return running
  }

  /** Takes a room out of the list, with all that is held of it. */
  function drop(roomId: string): void {
    byId.delete(roomId)
    marks.forget(roomId)
    useTimelines().forget(roomId)
    save()
  }

  /** Takes in one event of a room's log, in order. */
  function noteFrame(frame: LogFrame): void {
    if (frame.type === 'room') return noteRoom(frame.data)
    const { message } = frame.data
    const room = byId.get(message.roomId)
    if (!room) return
    const number = logNumber(frame)
    const next = { ...room, headSeq: Math.max(room.headSeq, number) }
    const last = room.lastMessage
    if (!last || message.seq > last.seq || (message.seq === last.seq && version(message) >= version(last))) next.lastMessage = message
    // Numbers up to the head that the list came with are in its counts.
    if (frame.type === 'newMessage' && number > room.headSeq) count(next, message)
    set(next)
    save()
    if (frame.type === 'newMessage') noteOwn(message)
  }

  /** Who writes has read so far: the server moves their marker together with the message, and is not asked to. */
  function noteOwn({ roomId, userId, seq }: Message): void {
    noteRead(roomId, userId, seq)
  }

  function count(room: MyRoom, message: Message): void {
    if (message.userId === session.userId || message.deletedAt || message.seq <= room.membership.readSeq) return
    room.unread++
    if (useTimelines().addresses(message)) room.mentions++
  }

  function noteRoom({ seq, change, room, membership }: RoomEvent): void {
    const { roomId } = room
    const mine = membership?.userId === session.userId
    const held = byId.get(roomId)
    if (change === 'deleted' || (mine && (change === 'left' || change === 'removed'))) return drop(roomId)
    if (!held) return
    const { name, topic, kind } = room
    set({ ...held, name, topic, kind, headSeq: Math.max(held.headSeq, seq), ...(mine && membership && { membership: { ...held.membership, role: membership.role } }) })
    save()
  }

  /** Enters a room that one was just added to; the full record follows. */
  function enter(room: Room, membership: Membership): void {
    if (!byId.has(room.roomId)) set({ ...room, membership: { ...membership, readSeq: membership.readSeq ?? 0 }, unread: 0, mentions: 0 })
    void discover(room.roomId)
  }

  /** Someone's read marker moved; one's own on another device counts here too. */
  function noteRead(roomId: string, userId: string, seq: number): void {
    if (userId !== session.userId) return
    marks.known(roomId, seq)
    if (!readUpTo(roomId, seq)) return
    // Of a room that is not held here, only the server knows how much is left.
    const last = byId.get(roomId)?.lastMessage
    if (last && last.seq > seq && !useTimelines().countAfter(roomId, seq)) void discover(roomId)
  }

  function readUpTo(roomId: string, seq: number): boolean {
    const room = byId.get(roomId)
    if (!room || seq <= room.membership.readSeq) return false
    set(counted({ ...room, membership: { ...room.membership, readSeq: seq } }, room.membership.readSeq))
    save()
    return true
  }

  /** Says what was on screen while the window had focus; sent to the server debounced. */
  function markRead(roomId: string, seq: number): void {
    if (readUpTo(roomId, seq)) marks.mark(roomId, seq)
  }

  const browse = routes.publicRooms

  /** A public room that one is not in, or null. */
  async function preview(roomId: string): Promise<Room | null> {
    const room = await routes.room(roomId)
    return room.membership || room.kind !== 'public' ? null : room
  }

  const create = async (input: { kind: 'public' | 'private'; name: string; topic?: string }) => adopt(await routes.createRoom(input))
  const join = async (roomId: string) => adopt(await routes.join(roomId))
  const openDirect = async (userIds: string[]) => adopt(await routes.direct(userIds))

  async function update(roomId: string, patch: { name?: string; topic?: string }): Promise<void> {
    const { name, topic } = await routes.updateRoom(roomId, patch)
    const held = byId.get(roomId)
    if (held) set({ ...held, name, topic })
  }

  async function remove(roomId: string): Promise<void> {
    await routes.removeRoom(roomId)
    drop(roomId)
  }

  async function leave(roomId: string): Promise<void> {
    await routes.leave(roomId)
    drop(roomId)
  }

  async function members(roomId: string, cursor?: string): Promise<{ members: Member[]; cursor?: string }> {
    const page = await routes.members(roomId, cursor)
    people.learnMembers(page.members)
    return page
  }

  /** The members of a room whose names begin so, however large the room. */
  async function membersNamed(roomId: string, query: string): Promise<Member[]> {
    const { members: found } = await routes.membersNamed(roomId, query)
    people.learnMembers(found)
    return found
  }

  /** Adds a person or changes a role. */
  const setMember = (roomId: string, userId: string, role?: Role): Promise<Membership> => routes.setMember(roomId, userId, role)
  const removeMember = routes.removeMember
  const createInvite = routes.createInvite
  const listInvites = async (): Promise<Invite[]> => (await routes.invites()).invites
  const revokeInvite = routes.revokeInvite

  /** Takes an invitation; answers the room it leads to, if any. */
  async function acceptInvite(token: string): Promise<MyRoom | null> {
    const { room } = await routes.acceptInvite(token)
    return room ? adopt(room) : null
  }

  async function hydrate(): Promise<void> {
    const cached = (await session.storage?.rooms()) ?? []
    for (const room of cached) if (!byId.has(room.roomId)) set(room)
    if (cached.length > 0) loaded.value = true
  }

  let saving: ReturnType<typeof setTimeout> | undefined
  function save(): void {
    saving ??= setTimeout(flush, 500)
  }

  /** Writes what is not written yet. */
  function flush(): void {
    if (saving === undefined) return
    clearTimeout(saving)
    saving = undefined
    void session.storage?.saveRooms([...byId.values()]).catch(() => {})
  }

  function reset(): void {
    clearTimeout(saving)
    saving = undefined
    marks.reset()
    byId.clear()
    loaded.value = false
  }

  return {
    byId, loaded, channels, directs, totals, get, title, others, muted, setNotify, refresh, browse, preview, create, update, remove, join, leave, openDirect,
    members, membersNamed, setMember, removeMember, createInvite, listInvites, revokeInvite, acceptInvite, markRead,
    adopt, discover, drop, enter, noteFrame, noteOwn, noteRead, flushRead: marks.flush, flush, hydrate, reset,
  }
})
