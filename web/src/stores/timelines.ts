import { defineStore } from 'pinia'
import { computed, type ComputedRef, effectScope, type EffectScope, shallowReactive } from 'vue'
import { ApiError } from '../api/errors'
import { frameRoom } from '../timeline/log'
import { addAfter, addBefore, applyFrame, emptyTimeline, fromPage, meansMe } from '../timeline/merge'
import { buildRows, rowKey } from '../timeline/rows'
import type { LogFrame, Message, MessagePage, PageBounds } from '../protocol/types'
import type { Row, Timeline } from '../timeline/types'
import { useServices } from '../services'
import { useOutbox } from './outbox'
import { useRoomLogs } from './roomLogs'
import { useRooms } from './rooms'
import { useSession } from './session'
import { useTimelineCache } from './timelineCache'

/** Messages of the page that a room opens with, and of those one scrolls to. */
const pageSize = 50
const nextSize = 100
/** Milliseconds between attempts at a page. */
const restFor = 2_000

/** The view of one room for a page; reactive. */
export interface RoomView {
  readonly timeline: Timeline
  /** Ready for a virtual list: days, the 'new' line, notices, messages, then what waits to be sent. */
  readonly rows: Row[]
  /** Nothing is held yet and the first page is on its way. */
  readonly loading: boolean
  /** Why the first load failed, if it did; `open` tries again. */
  readonly error: Error | null
  readonly loadingBefore: boolean
  readonly loadingAfter: boolean
  /** The row to show first: the 'new' line, a message asked for, or null for the end of the list. */
  readonly anchorKey: string | null
  /** Unread messages: for 'jump to present'. */
  readonly below: number
}

/** What is held of a room that was opened. This store is its one owner. */
interface Held {
  timeline: Timeline
  loading: boolean
  error: Error | null
  loadingBefore: boolean
  loadingAfter: boolean
  anchorKey: string | null
  newAfter: number | null
  /** True once a window was loaded, from the cache or the server. */
  filled: boolean
  opened: boolean
  /** Counts loads; an answer of an earlier one is dropped. */
  generation: number
  /** Pages on their way, and what came since the first of them was asked for: it may be newer than they are. */
  fetches: number
  meanwhile: LogFrame[]
}

/** The messages of rooms. Actions reject with ApiError, but for `loadBefore` and `loadAfter`, which a list calls by itself. */
export const useTimelines = defineStore('timelines', () => {
  const { routes } = useServices()
  const session = useSession()
  const cache = useTimelineCache()
  const held = shallowReactive(new Map<string, Held>())
  const views = new Map<string, { view: RoomView; scope: EffectScope }>()
  const logs = useRoomLogs({ hasWindow: (roomId) => held.get(roomId)?.filled ?? false, apply, reload })

  /** Reactive; undefined until `open`. */
  function view(roomId: string): RoomView | undefined {
    if (!held.has(roomId)) return undefined
    return views.get(roomId)!.view
  }

  function hold(roomId: string): Held {
    const known = held.get(roomId)
    if (known) return known
    const room: Held = shallowReactive({
      timeline: emptyTimeline, loading: false, error: null, loadingBefore: false, loadingAfter: false,
      anchorKey: null, newAfter: null, filled: false, opened: false, generation: 0,
      fetches: 0, meanwhile: [],
    })
    const scope = effectScope(true)
    const rows = scope.run(() => rowsOf(roomId, room))!
    views.set(roomId, { scope, view: viewOf(roomId, room, rows) })
    held.set(roomId, room)
    return room
  }

  function rowsOf(roomId: string, room: Held): ComputedRef<Row[]> {
    const outbox = useOutbox()
    return computed(() => buildRows(room.timeline, {
      me: session.userId, newAfter: room.newAfter, sending: outbox.sending,
      pending: outbox.entries.filter((e) => e.roomId === roomId),
    }))
  }

  function viewOf(roomId: string, room: Held, rows: ComputedRef<Row[]>): RoomView {
    return {
      get timeline() { return room.timeline },
      get rows() { return rows.value },
      get loading() { return !room.filled && !room.error },
      get error() { return room.filled ? null : room.error },
      get loadingBefore() { return room.loadingBefore },
      get loadingAfter() { return room.loadingAfter },
      get anchorKey() { return room.anchorKey },
      get below() { return useRooms().get(roomId)?.unread ?? 0 },
    }
  }

  /** Shows a room: from memory, cache or server, at the first unread message, or around `seq` if given. */
  async function open(roomId: string, aroundSeq?: number): Promise<void> {
    const room = hold(roomId)
    room.opened = true
    if (!useRooms().get(roomId)) await useRooms().discover(roomId)
    if (!useRooms().get(roomId)) {
      room.error = new ApiError('not_found', 'There is no such room, or it is not open to you.')
      return
    }
    if (!room.filled) await fillFromCache(roomId, room)
    const mine = useRooms().get(roomId)
    const mark = mine && mine.unread > 0 ? mine.membership.readSeq : null
    if (aroundSeq === undefined) room.newAfter = mark
    const around = aroundSeq ?? (mark !== null && (mine!.unread > pageSize / 2) ? mark : undefined)
    if (!room.filled || !covers(room.timeline, around)) {
      await load(roomId, room, { around })
    } else if (aroundSeq === undefined && room.timeline.hasMoreAfter && mark === null) {
      await load(roomId, room, {})
    }
    const target = aroundSeq === undefined ? undefined : room.timeline.messages.find((m) => m.seq >= aroundSeq)
    room.anchorKey = target ? rowKey(target) : view(roomId)?.rows.some((r) => r.kind === 'new') ? 'new' : null
  }

  async function fillFromCache(roomId: string, room: Held): Promise<void> {
    const cached = await cache.load(roomId)
    if (!cached || room.filled) return
    room.timeline = cached.timeline
    room.filled = true
    logs.rewind(roomId, cached.applied)
  }

  /** Loads a window: around a seq, or the newest page. */
  async function load(roomId: string, room: Held, bounds: PageBounds): Promise<void> {
    room.generation++
    room.loading = true
    room.error = null
    try {
      await fetchPage(roomId, room, bounds, (page) => {
        room.timeline = fromPage(page, room.timeline)
        room.filled = true
        room.loading = false
      })
    } catch (error) {
      room.loading = false
      room.error = error as Error
      if (room.filled) throw error
    }
    // What was announced meanwhile may lie beyond the page that was to be the newest.
    if (bounds.around === undefined && bounds.at === undefined && room.timeline.hasMoreAfter) await loadAfter(roomId)
  }

  /**
   * Reads a page and lets `merge` take it in, unless another load came in between. What came meanwhile, by the socket or
   * as the answer to a change of one's own, is applied over it: the page may have been read before.
   */
  async function fetchPage(roomId: string, room: Held, bounds: PageBounds, merge: (page: MessagePage) => void): Promise<void> {
    const { generation } = room
    room.fetches++
    try {
      const page = await routes.messages(roomId, { limit: pageSize, ...bounds })
      if (room.generation !== generation) return
      merge(page)
      room.timeline = room.meanwhile.reduce(applyFrame, room.timeline)
      store(roomId)
    } finally {
      if (--room.fetches === 0) room.meanwhile = []
    }
  }

  /** The page is left: the 'new' line goes on the next `open`. */
  function close(roomId: string): void {
    const room = held.get(roomId)
    if (room) room.opened = false
  }

  async function loadBefore(roomId: string): Promise<void> {
    const room = held.get(roomId)
    const first = room?.timeline.messages[0]
    if (!room || !first || room.loadingBefore || !room.timeline.hasMoreBefore) return
    room.loadingBefore = true
    try {
      await fetchPage(roomId, room, { before: first.seq, limit: nextSize }, (page) => { room.timeline = addBefore(room.timeline, page) }).catch(rest)
    } finally {
      room.loadingBefore = false
    }
  }

  async function loadAfter(roomId: string): Promise<void> {
    const room = held.get(roomId)
    if (!room || room.loadingAfter || !room.timeline.hasMoreAfter) return
    room.loadingAfter = true
    const after = room.timeline.messages.at(-1)?.seq ?? 0
    try {
      await fetchPage(roomId, room, { after, limit: nextSize }, (page) => { room.timeline = addAfter(room.timeline, page) }).catch(rest)
    } finally {
      room.loadingAfter = false
    }
  }

  /** Replaces the window by the newest page, unless it reaches the present already. */
  async function jumpToPresent(roomId: string): Promise<void> {
    const room = hold(roomId)
    room.anchorKey = null
    if (!room.filled || room.timeline.hasMoreAfter) await load(roomId, room, {})
  }

  /** Shows the message (loads around it if needed) and answers its row key, or null if it is not to be had. */
  async function reveal(roomId: string, messageId: string): Promise<string | null> {
    const message = await locate(roomId, messageId)
    if (!message) return null
    if (find(roomId, messageId)) return rowKey(message)
    await load(roomId, hold(roomId), { around: message.seq })
    return find(roomId, messageId) ? rowKey(message) : null
  }

  /** Shows the first message at or after a moment, or else the last one, and answers its row key; null in an empty room. */
  async function revealAt(roomId: string, at: number): Promise<string | null> {
    const room = hold(roomId)
    const { messages, hasMoreBefore, hasMoreAfter } = room.timeline
    const begins = !hasMoreBefore || (messages[0]?.createdAt ?? Infinity) < at
    const ends = !hasMoreAfter || (messages.at(-1)?.createdAt ?? 0) >= at
    if (!room.filled || !begins || !ends) await load(roomId, room, { at })
    const target = room.timeline.messages.find((m) => m.createdAt >= at) ?? room.timeline.messages.at(-1)
    return target ? rowKey(target) : null
  }

  /** The message, from memory or the server; null if it is not to be had. */
  async function locate(roomId: string, messageId: string): Promise<Message | null> {
    return find(roomId, messageId) ?? routes.message(roomId, messageId).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'not_found') return null
      throw error
    })
  }

  /** A message held here, e.g. what `replyTo` points at. */
  function find(roomId: string, messageId: string): Message | undefined {
    return held.get(roomId)?.timeline.messages.find((m) => m.messageId === messageId)
  }

  /** True if somebody else's message names the person or answers one of theirs that is held. */
  function addresses(message: Message): boolean {
    if (meansMe(message, session.userId)) return true
    return message.userId !== session.userId && message.replyTo !== undefined && find(message.roomId, message.replyTo)?.userId === session.userId
  }

  /** One's newest message that can be edited (arrow-up in an empty box). */
  function lastOwn(roomId: string): Message | undefined {
    return held.get(roomId)?.timeline.messages.findLast((m) => m.userId === session.userId && !m.deletedAt)
  }

  async function edit(message: Message, content: string): Promise<void> {
    settle(await routes.edit(message.roomId, message.messageId, content))
  }

  async function remove(message: Message): Promise<void> {
    settle(await routes.removeMessage(message.roomId, message.messageId))
  }

  /** Shows the result of one's own change at once; its frame comes too, and finds it done. */
  function settle(message: Message): void {
    const room = held.get(message.roomId)
    if (room) enter(room, { type: 'messageUpdated', data: { message } })
  }

  /** Takes a frame into a window, and into the pages that are on their way to it. */
  function enter(room: Held, frame: LogFrame): void {
    if (room.fetches > 0) room.meanwhile.push(frame)
    if (room.filled) room.timeline = applyFrame(room.timeline, frame)
  }

  /** Shows one's own message as soon as it is acknowledged, even while older numbers are still missing. */
  function takeOwn(message: Message): void {
    const room = held.get(message.roomId)
    if (room) enter(room, { type: 'newMessage', data: { message } })
    useRooms().noteOwn(message)
    if (room?.filled) return store(message.roomId)
    // What could not be loaded before can be now, as the server answers; the message comes with it.
    loadOpened()
  }

  function apply(frame: LogFrame): void {
    const roomId = frameRoom(frame)
    const room = held.get(roomId)
    if (room?.filled) markUnseen(roomId, room, frame)
    if (room) enter(room, frame)
    if (frame.type === 'newMessage') useOutbox().seen(frame.data.message)
    useRooms().noteFrame(frame)
    store(roomId)
  }

  /** A message that comes to an open room while nobody looks gets the 'new' line, unless there is one further up. */
  function markUnseen(roomId: string, room: Held, frame: LogFrame): void {
    if (frame.type !== 'newMessage' || !room.opened || document.hasFocus()) return
    if (frame.data.message.userId === session.userId || (useRooms().get(roomId)?.unread ?? 0) > 0) return
    room.newAfter = frame.data.message.seq - 1
  }

  /** Too far behind: the window is read anew, where it stands. */
  async function reload(roomId: string): Promise<void> {
    const room = held.get(roomId)
    if (!room?.filled) return
    const { messages, hasMoreAfter } = room.timeline
    const middle = messages[messages.length >> 1]?.seq
    await load(roomId, room, hasMoreAfter ? { around: middle } : {}).catch(() => {})
  }

  /** Tries again to load what could not be loaded while there was no connection. */
  function loadOpened(): void {
    for (const [roomId, room] of held) if (room.opened && !room.filled && room.error) void open(roomId)
  }

  /** What others wrote after `seq`, if all of it is held. */
  function countAfter(roomId: string, seq: number): { unread: number; mentions: number } | null {
    const room = held.get(roomId)
    if (!room?.filled || !covers(room.timeline, seq) || room.timeline.hasMoreAfter) return null
    return countWithin(roomId, seq, Infinity)
  }

  /** What others wrote after one seq and up to another, of what is held. */
  function countWithin(roomId: string, after: number, upTo: number): { unread: number; mentions: number } {
    const messages = held.get(roomId)?.timeline.messages ?? []
    const unread = messages.filter((m) => m.seq > after && m.seq <= upTo && m.userId !== session.userId && !m.deletedAt)
    return { unread: unread.length, mentions: unread.filter(addresses).length }
  }

  function store(roomId: string): void {
    const room = held.get(roomId)
    const applied = logs.applied(roomId)
    if (room?.filled && applied !== undefined) cache.save(roomId, room.timeline, applied)
  }

  /** One is no longer in the room. */
  function forget(roomId: string): void {
    logs.forget(roomId)
    held.delete(roomId)
    views.get(roomId)?.scope.stop()
    views.delete(roomId)
    cache.drop(roomId)
  }

  function reset(): void {
    cache.reset()
    for (const { scope } of views.values()) scope.stop()
    views.clear()
    held.clear()
    logs.reset()
  }

  return {
    view, open, close, loadBefore, loadAfter, jumpToPresent, reveal, revealAt, locate, find, addresses, lastOwn, edit, remove,
    takeOwn, settle, loadOpened, countAfter, countWithin, begin: logs.begin, take: logs.take, syncAll: logs.syncAll, syncTo: logs.syncTo,
    heldLogs: logs.held, takeAll: logs.takeAll, checkHeads: logs.checkHeads, forget, flush: cache.flush, reset,
  }
})

/**
 * A page that could not be had counts as loading for a moment longer: a list asks again as soon as it may, and the line
 * about the connection says what is wrong.
 */
async function rest(error: unknown): Promise<void> {
  if (!(error instanceof ApiError)) throw error
  await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? restFor))
}

/** True if the window holds the place of `seq` (or none is asked for). */
function covers(t: Timeline, seq: number | undefined): boolean {
  if (seq === undefined) return true
  const first = t.messages[0]?.seq ?? Infinity
  const last = t.messages.at(-1)?.seq ?? 0
  return (!t.hasMoreBefore || first <= seq) && (!t.hasMoreAfter || last >= seq)
}

