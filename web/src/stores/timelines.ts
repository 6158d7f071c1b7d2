import { defineStore } from 'pinia'
import type { Message } from '../protocol/types'
import type { Row, Timeline } from '../timeline/types'

/** The view of one room for a page. */
export interface RoomView {
  timeline: Timeline
  /** Ready for a virtual list: days, the 'new' line, notices, messages, then what waits to be sent. */
  rows: Row[]
  loading: boolean
  /** Why the first load failed, if it did; `open` tries again. */
  error: Error | null
  loadingBefore: boolean
  loadingAfter: boolean
  /** The row to show first: the 'new' line, or null for the end of the list. */
  anchorKey: string | null
  /** How many messages from others came below the window or below what was marked read: for 'jump to present'. */
  below: number
}

/** The messages of rooms. Actions reject with ApiError. */
export const useTimelines = defineStore('timelines', () => {
  return {
    /** Reactive; undefined until `open`. */
    view: todo<(roomId: string) => RoomView | undefined>(),
    /** Shows a room: from memory, cache or server, at the first unread message, or around `seq` if given. */
    open: todo<(roomId: string, aroundSeq?: number) => Promise<void>>(),
    /** The page is left: the 'new' line goes on the next `open`. */
    close: todo<(roomId: string) => void>(),
    loadBefore: todo<(roomId: string) => Promise<void>>(),
    loadAfter: todo<(roomId: string) => Promise<void>>(),
    /** Replaces the window by the newest page, unless it reaches the present already. */
    jumpToPresent: todo<(roomId: string) => Promise<void>>(),
    /** Shows the message (loads around it if needed) and answers its row key, or null if it is not to be had. */
    reveal: todo<(roomId: string, messageId: string) => Promise<string | null>>(),
    /** A message held here, e.g. what `replyTo` points at. */
    find: todo<(roomId: string, messageId: string) => Message | undefined>(),
    /** One's newest message that can be edited (arrow-up in an empty box). */
    lastOwn: todo<(roomId: string) => Message | undefined>(),
    edit: todo<(message: Message, content: string) => Promise<void>>(),
    remove: todo<(message: Message) => Promise<void>>(),
    /** Adds one's reaction, or takes it back if it is there. */
    toggleReaction: todo<(message: Message, emoji: string) => Promise<void>>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
