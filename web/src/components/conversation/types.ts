import type { Message, RoomEvent } from '@/protocol/types'

/** The author of a message as it is shown. */
export interface Author {
  name: string
  avatarUrl?: string | undefined
}

/** What a message answers to; null where it cannot be had any more. */
export interface Quote {
  messageId: string
  name: string
  text: string
}

/** What one may do with a message. */
export interface Allowed {
  reply: boolean
  edit: boolean
  remove: boolean
}

export type MessageAction = 'reply' | 'edit' | 'remove' | 'copy' | 'link' | 'info'

/** One emoji under a message, with the names of those it is from. */
export interface ShownReaction {
  emoji: string
  count: number
  names: string
  mine: boolean
}

/** Somebody who has read so far. */
export interface Reader {
  userId: string
  name: string
  avatarUrl: string | undefined
}

/** How the rows of a conversation learn what is not in them. */
export interface Context {
  ownId: string
  author: (message: Message) => Author
  /** Undefined while unknown, null when gone. */
  quote: (message: Message) => Quote | null | undefined
  allowed: (message: Message) => Allowed
  nameOf: (userId: string) => string
  reactions: (message: Message) => readonly ShownReaction[]
  /** Those whose last read message this is; empty where that is not told. */
  readers: (message: Message) => readonly Reader[]
  /** The emoji at hand to react with. */
  quick: readonly string[]
  notice: (event: RoomEvent) => string
  /** How to mark `@username` in a message. */
  mention: (username: string, message: Message) => 'none' | 'other' | 'me'
  /** True if the message is meant for the reader. */
  meansMe: (message: Message) => boolean
}
