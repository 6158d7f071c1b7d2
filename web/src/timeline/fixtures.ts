import type { LogFrame, Message, MessagePage, RoomEvent } from '../protocol/types'
import type { OutboxEntry } from './types'

/** Builders for tests. */

export function msg(seq: number, more: Partial<Message> = {}): Message {
  return {
    roomId: 'r1', seq, messageId: `id${seq}`, userId: 'ann', username: 'ann', content: `text ${seq}`,
    createdAt: Date.UTC(2026, 5, 1, 12) + seq * 1000, clientMessageId: `c${seq}`, attachments: [], reactions: {}, mentions: [],
    ...more,
  }
}

export function page(seqs: number[], hasMoreBefore = false, hasMoreAfter = false): MessagePage {
  return { messages: seqs.map((seq) => msg(seq)), hasMoreBefore, hasMoreAfter }
}

export function sent(message: Message): LogFrame {
  return { type: 'newMessage', data: { message } }
}

export function updated(message: Message): LogFrame {
  return { type: 'messageUpdated', data: { message } }
}

export function roomFrame(seq: number, more: Partial<RoomEvent> = {}): LogFrame {
  const room = { roomId: 'r1', kind: 'public', name: 'Room', topic: '', createdBy: 'ann', createdAt: 1, headSeq: seq } as const
  return { type: 'room', data: { seq, change: 'joined', room, ...more } }
}

export function entry(clientMessageId: string, more: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    clientMessageId, roomId: 'r1', userId: 'me', username: 'me', content: clientMessageId,
    createdAt: Date.UTC(2026, 5, 1, 13), order: 1, ...more,
  }
}
