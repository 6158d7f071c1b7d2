import type { Channel } from '../api/channel'
import { ApiError } from '../api/errors'
import { accept, type Accepted, acceptSync, frameRoom, type Log, logAt } from '../timeline/log'
import type { LogFrame, SyncedRoom } from '../protocol/types'
import { useConnection } from './connection'
import { useRooms } from './rooms'
import { useSession } from './session'

/** Rooms that one `sync` asks for: its frame must not grow too large. */
const syncedAtOnce = 200

export interface LogHandlers {
  /** True if messages of the room are held: then its log must have no holes. */
  hasWindow: (roomId: string) => boolean
  /** Takes a frame in; each number of a log comes once and in order. */
  apply: (frame: LogFrame) => void
  /** Reads the window of a room anew, because `sync` cannot fill what is missing. */
  reload: (roomId: string) => Promise<void>
}

/** How far the log of each of one's rooms was taken in; finds gaps and asks for what is missing. */
export function useRoomLogs({ hasWindow, apply, reload }: LogHandlers) {
  const session = useSession()
  const logs = new Map<string, Log>()
  const syncing = new Set<string>()

  const applied = (roomId: string): number | undefined => logs.get(roomId)?.applied

  function settle(roomId: string, { log, ready }: Accepted): void {
    logs.set(roomId, log)
    ready.forEach(apply)
  }

  /** The list says how far a room's log goes: nothing up to there is owed, unless a window stands at an earlier number. */
  function begin(roomId: string, headSeq: number): void {
    const log = logs.get(roomId)
    if (log && hasWindow(roomId)) return
    settle(roomId, acceptSync(log ?? logAt(headSeq), { roomId, headSeq, events: [], complete: true }))
  }

  /** A window was found that stands at an earlier number: what came since is asked for again. */
  function rewind(roomId: string, to: number): void {
    const log = logs.get(roomId)
    if (log && log.applied <= to) return
    logs.set(roomId, logAt(to))
    if (log) requestSync(roomId)
  }

  /** Takes in one frame of a log. */
  function take(frame: LogFrame): void {
    const roomId = frameRoom(frame)
    const rooms = useRooms()
    if (frame.type === 'room' && frame.data.membership?.userId === session.userId && frame.data.change === 'joined' && !rooms.get(roomId)) {
      logs.set(roomId, logAt(frame.data.seq - 1))
      rooms.enter(frame.data.room, frame.data.membership)
    }
    const log = logs.get(roomId)
    if (!log || !rooms.get(roomId)) return void rooms.discover(roomId)
    // One's leaving or the room's end stand at the end of what one is told: nothing before them matters any more.
    if (endsForMe(frame)) return rooms.noteFrame(frame)
    const accepted = accept(log, frame)
    settle(roomId, accepted)
    if (accepted.gap) requestSync(roomId)
  }

  function endsForMe(frame: LogFrame): boolean {
    if (frame.type !== 'room') return false
    const { change, membership, room, seq } = frame.data
    if (seq <= (applied(room.roomId) ?? 0)) return false
    return change === 'deleted' || (membership?.userId === session.userId && (change === 'left' || change === 'removed'))
  }

  /** After a new socket: brings every window up to date. Rejects if the server cannot be asked. */
  function syncAll(socket: Channel): Promise<void> {
    return sync(mine().filter(hasWindow), socket)
  }

  /** Brings every room up to the heads that were named; one without a head may have been left. Rejects likewise. */
  function syncTo(heads: Record<string, number>, socket: Channel): Promise<void> {
    return sync(mine().filter((roomId) => (heads[roomId] ?? Infinity) > (applied(roomId) ?? 0)), socket)
  }

  async function sync(owed: string[], socket: Channel): Promise<void> {
    while (owed.length > 0) {
      const { rooms } = await socket.request('sync', { rooms: appliedOf(owed.slice(0, syncedAtOnce)) })
      // Every answer brings at least one room further; an empty one would never end.
      if (rooms.length === 0) return
      const unfinished = await Promise.all(rooms.map(async (room) => (await takeSync(room) ? room.roomId : null)))
      const answered = new Set(rooms.map((room) => room.roomId))
      owed = owed.filter((roomId) => !answered.has(roomId) || unfinished.includes(roomId))
    }
  }

  function mine(): string[] {
    return [...logs.keys()].filter((roomId) => useRooms().get(roomId))
  }

  function appliedOf(roomIds: string[]): Record<string, number> {
    return Object.fromEntries(roomIds.map((roomId) => [roomId, applied(roomId) ?? 0]))
  }

  /** Asks for what is missing in one room; asking twice at once is asking once. */
  function requestSync(roomId: string): void {
    const connection = useConnection()
    if (!logs.has(roomId) || syncing.has(roomId) || !connection.connected()) return
    syncing.add(roomId)
    connection.request('sync', { rooms: appliedOf([roomId]) })
      .then(({ rooms }) => Promise.all(rooms.map(takeSync)))
      .then((unfinished) => {
        syncing.delete(roomId)
        if (unfinished.includes(true)) requestSync(roomId)
      })
      .catch((error: unknown) => {
        syncing.delete(roomId)
        // Without a connection the next one syncs; a refusal for now is tried again.
        if (error instanceof ApiError && error.temporary) setTimeout(() => requestSync(roomId), error.retryAfterMs ?? 2_000)
      })
  }

  /** Takes one room's answer; true if it must be asked for again. */
  async function takeSync(synced: SyncedRoom): Promise<boolean> {
    const { roomId, complete, more } = synced
    const log = logs.get(roomId)
    if (!log) return false
    if (!complete && !more) {
      await restart(synced, log)
      return false
    }
    const accepted = acceptSync(log, synced)
    settle(roomId, accepted)
    return accepted.gap
  }

  /** Too far behind: the log goes on at its head, and the window is read anew. */
  async function restart({ roomId, headSeq }: SyncedRoom, { ahead }: Log): Promise<void> {
    // No head: it is not one's room any more.
    if (headSeq === 0) return useRooms().drop(roomId)
    const accepted = acceptSync({ applied: headSeq, ahead }, { roomId, headSeq, events: [], complete: true })
    logs.set(roomId, accepted.log)
    await reload(roomId)
    accepted.ready.forEach(apply)
    void useRooms().discover(roomId)
  }

  /** How far each of one's rooms was taken in. */
  function held(): Record<string, number> {
    return appliedOf(mine())
  }

  /** Takes what a connection without a socket brought. What an answer had no place for comes with the next. */
  async function takeAll(rooms: readonly SyncedRoom[]): Promise<void> {
    await Promise.all(rooms.map(takeSync))
  }

  /** Compares the heads that a heartbeat named with what was delivered. */
  function checkHeads(heads: Record<string, number>): void {
    for (const [roomId, head] of Object.entries(heads)) {
      const have = applied(roomId)
      if (have === undefined) void useRooms().discover(roomId)
      else if (head > have) requestSync(roomId)
    }
  }

  function forget(roomId: string): void {
    logs.delete(roomId)
  }

  function reset(): void {
    logs.clear()
    syncing.clear()
  }

  return { applied, begin, rewind, take, syncAll, syncTo, held, takeAll, checkHeads, forget, reset }
}
