import type { LogFrame, Message, MessagePage, RoomChange } from '../protocol/types'
import type { Timeline } from './types'

/** How many notices a timeline keeps. */
const maxNotices = 200

const shownChanges: readonly RoomChange[] = ['created', 'updated', 'joined', 'left', 'removed', 'role']

/** A timeline that holds nothing and knows of nothing. */
export const emptyTimeline: Timeline = {
  messages: [], notices: [], hasMoreBefore: false, hasMoreAfter: false, newestSeq: 0,
}

/** The log number of a message's contents: the larger one is the newer. */
export function version(message: Message): number {
  return message.updatedSeq ?? message.seq
}

/** True if somebody else's message is meant for a person, by name or with everybody. */
export function meansMe(message: Message, userId: string): boolean {
  if (message.userId === userId || !message.mentions) return false
  return message.mentions.some((meant) => meant === userId || meant === '@room' || meant === '@here')
}

/** The union of two lists ordered by seq; of one message held twice the newer contents stay, `incoming` where equal. */
export function mergeMessages(held: readonly Message[], incoming: readonly Message[]): readonly Message[] {
  if (incoming.length === 0) return held
  const last = held[held.length - 1]
  if (last && incoming.length === 1 && incoming[0]!.seq > last.seq) return [...held, incoming[0]!]
  const bySeq = new Map(held.map((m) => [m.seq, m]))
  for (const message of incoming) {
    const old = bySeq.get(message.seq)
    if (!old || version(message) >= version(old)) bySeq.set(message.seq, message)
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

/** A window made of one page; what is known of newer messages and the notices stay. */
export function fromPage(page: MessagePage, known: Timeline = emptyTimeline): Timeline {
  return attach({ ...known, messages: mergeMessages([], page.messages), hasMoreBefore: page.hasMoreBefore, hasMoreAfter: page.hasMoreAfter })
}

/** Adds the page that ends where the window begins. */
export function addBefore(t: Timeline, page: MessagePage): Timeline {
  return attach({ ...t, messages: mergeMessages(t.messages, page.messages), hasMoreBefore: page.hasMoreBefore })
}

/** Adds the page that begins where the window ends. */
export function addAfter(t: Timeline, page: MessagePage): Timeline {
  return attach({ ...t, messages: mergeMessages(t.messages, page.messages), hasMoreAfter: page.hasMoreAfter })
}

/**
 * Settles whether the window reaches the present. A page read before a newer message was announced does not,
 * whatever it says: the announced one was not kept while the window ended earlier.
 */
function attach(t: Timeline): Timeline {
  const last = t.messages[t.messages.length - 1]?.seq ?? 0
  const newestSeq = Math.max(t.newestSeq, last)
  return { ...t, newestSeq, hasMoreAfter: t.hasMoreAfter || newestSeq > last }
}

/** Takes one event in. Messages beyond either end of the window are left to paging. */
export function applyFrame(t: Timeline, frame: LogFrame): Timeline {
  switch (frame.type) {
    case 'newMessage':
      return insert(t, frame.data.message)
    case 'messageUpdated':
      return update(t, frame.data.message)
    case 'room': {
      if (!shownChanges.includes(frame.data.change) || t.notices.some((n) => n.seq === frame.data.seq)) return t
      const notices = [...t.notices, frame.data].sort((a, b) => a.seq - b.seq).slice(-maxNotices)
      return { ...t, notices }
    }
  }
}

/** Takes a message in that may be new. */
function insert(t: Timeline, message: Message): Timeline {
  const newestSeq = Math.max(t.newestSeq, message.seq)
  const first = t.messages[0]
  const last = t.messages[t.messages.length - 1]
  const beyondEnd = t.hasMoreAfter && (!last || message.seq > last.seq)
  const beforeStart = t.hasMoreBefore && (!first || message.seq < first.seq)
  if (beyondEnd || beforeStart) return newestSeq === t.newestSeq ? t : { ...t, newestSeq }
  return { ...t, newestSeq, messages: mergeMessages(t.messages, [message]) }
}

/** Replaces the contents of a message that is in the window, unless they are older than what it holds. */
function update(t: Timeline, message: Message): Timeline {
  const index = findSeq(t.messages, message.seq)
  const old = t.messages[index]
  if (!old || version(old) > version(message)) return t
  return { ...t, messages: t.messages.with(index, message) }
}

/** The index of the message with this seq, or -1. */
function findSeq(messages: readonly Message[], seq: number): number {
  let low = 0
  let high = messages.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = messages[middle]!.seq
    if (found === seq) return middle
    if (found < seq) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** The newest `count` messages, for the cache; null while the window does not reach the present. */
export function tail(t: Timeline, count: number): Timeline | null {
  if (t.hasMoreAfter) return null
  if (t.messages.length <= count) return t
  const messages = t.messages.slice(-count)
  return { ...t, messages, notices: t.notices.filter((n) => n.seq > messages[0]!.seq), hasMoreBefore: true }
}
