import type { Message, RoomEvent } from '../protocol/types'

/**
 * What is held of one room's history: a window without holes, in the order of `seq`.
 * Values are never changed in place; each operation returns a new one (or the same if nothing changed).
 */
export interface Timeline {
  readonly messages: readonly Message[]
  /** Membership and name changes seen live, by `seq`; history does not carry them. */
  readonly notices: readonly RoomEvent[]
  readonly hasMoreBefore: boolean
  /** True while the window does not reach the newest message. */
  readonly hasMoreAfter: boolean
  /** The seq of the newest message known of, inside the window or not. */
  readonly newestSeq: number
}

/** A file of a message that waits; `fileId` once the server has it, since `sentAt`. */
export interface OutboxFile {
  id: string
  filename: string
  contentType: string
  size: number
  fileId?: string
  sentAt?: number
}

/** One message that waits for its acknowledgement. */
export interface OutboxEntry {
  clientMessageId: string
  roomId: string
  userId: string
  username: string
  content: string
  replyTo?: string
  files?: OutboxFile[] | undefined
  createdAt: number
  /** Grows with each entry of this browser; sending follows it. */
  order: number
  /** Set when the server refused it for good; retry or delete. */
  failure?: { code: string; message: string }
}

/** `waiting`: in the queue, no connection. `sending`: on its way. `failed`: refused, see `failure`. */
export type SendState = 'sent' | 'sending' | 'waiting' | 'failed'

export interface DayRow {
  kind: 'day'
  key: string
  /** Any moment of that day. */
  at: number
}

/** The line above the first unread message. */
export interface NewRow {
  kind: 'new'
  key: string
}

export interface NoticeRow {
  kind: 'notice'
  key: string
  event: RoomEvent
}

export interface MessageRow {
  kind: 'message'
  /** The same before and after the acknowledgement. */
  key: string
  /** For one not yet sent: seq 0 and an empty messageId. */
  message: Message
  state: SendState
  /** True where avatar and name are shown: the first of a group of one author within five minutes. */
  first: boolean
  failure?: { code: string; message: string }
  /** Of one not yet sent. */
  files?: readonly OutboxFile[]
}

export type Row = DayRow | NewRow | NoticeRow | MessageRow
