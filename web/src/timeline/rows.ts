import type { Message, RoomEvent } from '../protocol/types'
import type { MessageRow, OutboxEntry, Row, SendState, Timeline } from './types'

/** Messages of one author within this many milliseconds of the one before stand together. */
export const groupWithin = 5 * 60_000

export interface RowOptions {
  /** Whose messages are one's own. */
  me: string
  /** The 'new' line stands above the first message of others after this seq; null for none. */
  newAfter: number | null
  /** This room's outbox, in sending order. */
  pending: readonly OutboxEntry[]
  /** clientMessageIds on their way now. */
  sending: ReadonlySet<string>
}

/** Turns a timeline and what waits to be sent into the rows of a list. */
export function buildRows(t: Timeline, options: RowOptions): Row[] {
  const rows = new Rows(options)
  const firstSeq = t.messages[0]?.seq ?? 0
  let notice = t.hasMoreBefore ? t.notices.findIndex((n) => n.seq > firstSeq) : 0
  if (notice < 0) notice = t.notices.length
  // The line needs its place inside the window: above an unread message whose predecessor is known.
  rows.expectNew = options.newAfter !== null && !(t.hasMoreBefore && firstSeq > options.newAfter)
  for (const message of t.messages) {
    while (notice < t.notices.length && t.notices[notice]!.seq < message.seq) rows.notice(t.notices[notice++]!)
    rows.message(message, 'sent')
  }
  if (t.hasMoreAfter) return rows.list
  for (; notice < t.notices.length; notice++) rows.notice(t.notices[notice]!)
  const sent = new Set(t.messages.slice(-200).filter((m) => m.userId === options.me).map((m) => m.clientMessageId))
  for (const entry of options.pending) {
    if (!sent.has(entry.clientMessageId)) rows.pending(entry)
  }
  return rows.list
}

/** The key of a message's row, the same while it is being sent and after. */
export function rowKey(message: { userId: string; clientMessageId: string; messageId?: string }): string {
  return message.clientMessageId ? `m:${message.userId}:${message.clientMessageId}` : `m:${message.messageId}`
}

/** Collects rows from top to bottom. */
class Rows {
  readonly list: Row[] = []
  expectNew = false
  private readonly options: RowOptions
  private previous: Message | null = null
  private dayEnd = -Infinity

  constructor(options: RowOptions) {
    this.options = options
  }

  notice(event: RoomEvent): void {
    if (event.at) this.day(event.at)
    this.list.push({ kind: 'notice', key: `n:${event.seq}`, event })
    this.previous = null
  }

  message(message: Message, state: SendState, { failure, files }: Pick<MessageRow, 'failure' | 'files'> = {}): void {
    this.day(message.createdAt)
    const { me, newAfter } = this.options
    if (this.expectNew && newAfter !== null && message.seq > newAfter && message.userId !== me) {
      this.expectNew = false
      this.list.push({ kind: 'new', key: 'new' })
      this.previous = null
    }
    const before = this.previous
    const first = !before || before.userId !== message.userId || message.createdAt - before.createdAt > groupWithin
    this.list.push({ kind: 'message', key: rowKey(message), message, state, first, ...(failure && { failure }), ...(files && { files }) })
    this.previous = message
  }

  pending(entry: OutboxEntry): void {
    const state = entry.failure ? 'failed' : this.options.sending.has(entry.clientMessageId) ? 'sending' : 'waiting'
    // One's own unsent message is never 'new': it stands at the end with seq 0.
    const message = pendingMessage(entry)
    // The clock of this device may be behind the server's.
    message.createdAt = Math.max(message.createdAt, this.previous?.createdAt ?? 0)
    this.message(message, state, entry)
  }

  private day(at: number): void {
    // Days only go forward: a clock that was set back makes no second line for a day.
    if (at < this.dayEnd) return
    const date = new Date(at)
    const start = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
    this.dayEnd = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
    this.list.push({ kind: 'day', key: `d:${start}`, at })
    this.previous = null
  }
}

function pendingMessage(entry: OutboxEntry): Message {
  return {
    roomId: entry.roomId, seq: 0, messageId: '', userId: entry.userId, username: entry.username, content: entry.content,
    createdAt: entry.createdAt, clientMessageId: entry.clientMessageId, ...(entry.replyTo && { replyTo: entry.replyTo }),
    attachments: [], reactions: {}, mentions: [],
  }
}
