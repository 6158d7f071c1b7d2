import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { Message, Notice } from '../protocol/types'
import { useServices } from '../services'
import { useRooms } from './rooms'
import { useTimelines } from './timelines'

/** Pages of the list that are searched for a mention that is not held here. */
const searched = 4

/** What was meant for the person: mentions, direct messages, replies; newest first. Actions reject with ApiError. */
export const useNotices = defineStore('notices', () => {
  const { routes } = useServices()
  const list = shallowRef<readonly Notice[]>([])
  const cursor = ref<string>()
  /** True once the newest page is known. */
  const loaded = ref(false)

  /** What is unread and meant for the person, counted from the rooms: for the bell. */
  const unread = computed(() => [...useRooms().byId.values()].reduce((sum, room) => {
    if (useRooms().muted(room)) return sum
    return sum + (room.kind === 'direct' ? room.unread : room.mentions)
  }, 0))

  /** Reads the newest page, or with `more` the next older one. */
  async function load(more = false): Promise<void> {
    const page = await routes.notifications(more ? cursor.value : undefined)
    list.value = more ? merged(list.value, page.notifications) : page.notifications
    cursor.value = page.cursor
    loaded.value = true
  }

  /** Takes in one that came live. */
  function note({ kind, message }: { kind: Notice['kind']; message: Message }): void {
    if (!loaded.value) return
    const room = useRooms().get(message.roomId)
    if (!room) return
    const { roomId, name, kind: roomKind } = room
    list.value = merged([{ kind, message, room: { roomId, name, kind: roomKind }, read: false }], list.value)
  }

  /** One's own marker knows it before the list is read again. */
  function isRead({ read, message }: Notice): boolean {
    return read || message.seq <= (useRooms().get(message.roomId)?.membership.readSeq ?? 0)
  }

  /** The messageId of the oldest unread message of a room that means the person, from what is held or from the list. */
  async function firstUnreadMention(roomId: string): Promise<string | null> {
    const room = useRooms().get(roomId)
    if (!room) return null
    const timeline = useTimelines().view(roomId)?.timeline
    const whole = timeline && (!timeline.hasMoreBefore || timeline.messages[0]!.seq <= room.membership.readSeq + 1)
    const unreadHere = (message: Message) => message.roomId === roomId && message.seq > room.membership.readSeq && !message.deletedAt
    const held = timeline?.messages.find((message) => unreadHere(message) && useTimelines().addresses(message))
    if (held && whole) return held.messageId
    await load()
    for (let page = 1; page < searched && cursor.value && list.value.at(-1)!.message.createdAt > (held?.createdAt ?? 0); page++) await load(true)
    const found = list.value.findLast((notice) => notice.kind !== 'direct' && unreadHere(notice.message))
    return found?.message.messageId ?? held?.messageId ?? null
  }

  function reset(): void {
    list.value = []
    cursor.value = undefined
    loaded.value = false
  }

  return { list, cursor, loaded, unread, load, note, isRead, firstUnreadMention, reset }
})

/** Both in order, each message once. */
function merged(first: readonly Notice[], then: readonly Notice[]): readonly Notice[] {
  const known = new Set(first.map((notice) => notice.message.messageId))
  return [...first, ...then.filter((notice) => !known.has(notice.message.messageId))]
}
