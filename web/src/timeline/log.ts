import type { LogFrame, SyncedRoom } from '../protocol/types'

/**
 * How far one room's log has been taken in. Every number from the first known one up to `applied` was seen;
 * `ahead` holds what came too early, until `sync` brings what is missing.
 */
export interface Log {
  readonly applied: number
  readonly ahead: ReadonlyMap<number, LogFrame>
}

/** What to do after a frame: apply `ready` in order; if `gap`, ask `sync` from `log.applied`. */
export interface Accepted {
  log: Log
  ready: LogFrame[]
  gap: boolean
}

/** A log taken in up to `applied`. */
export function logAt(applied: number): Log {
  return { applied, ahead: new Map() }
}

/** The number a frame takes in its room's log. */
export function logNumber(frame: LogFrame): number {
  if (frame.type === 'room') return frame.data.seq
  const { message } = frame.data
  return frame.type === 'newMessage' ? message.seq : (message.updatedSeq ?? message.seq)
}

/** The room whose log a frame belongs to. */
export function frameRoom(frame: LogFrame): string {
  return frame.type === 'room' ? frame.data.room.roomId : frame.data.message.roomId
}

/** Takes a live frame: each number comes out in `ready` exactly once and in order. */
export function accept(log: Log, frame: LogFrame): Accepted {
  const number = logNumber(frame)
  if (number <= log.applied) return { log, ready: [], gap: log.ahead.size > 0 }
  return drain(log.applied, new Map(log.ahead).set(number, frame))
}

/**
 * Takes a complete answer of `sync`: afterwards at least everything up to its `headSeq` is taken in, or with `more`
 * up to its last event; `gap` then says to ask again.
 */
export function acceptSync(log: Log, synced: SyncedRoom): Accepted {
  const missed = synced.events.filter((f) => logNumber(f) > log.applied).sort((a, b) => logNumber(a) - logNumber(b))
  const last = synced.events.at(-1)
  const reached = synced.more ? (last ? logNumber(last) : 0) : synced.headSeq
  const applied = Math.max(log.applied, reached)
  const rest = drain(applied, new Map([...log.ahead].filter(([number]) => number > applied)))
  return { ...rest, gap: rest.gap || rest.log.applied < synced.headSeq, ready: [...missed.filter((f) => logNumber(f) <= applied), ...rest.ready] }
}

/** Moves what follows `applied` without a hole out of `ahead`. */
function drain(applied: number, ahead: Map<number, LogFrame>): Accepted {
  const ready: LogFrame[] = []
  for (let next = ahead.get(applied + 1); next; next = ahead.get(applied + 1)) {
    ready.push(next)
    ahead.delete(++applied)
  }
  return { log: { applied, ahead }, ready, gap: ahead.size > 0 }
}
