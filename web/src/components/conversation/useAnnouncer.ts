import { ref, watch, type Ref } from 'vue'
import type { Message } from '@/protocol/types'
import type { MessageRow, Row } from '@/timeline/types'

/** How far up changes are still told of. */
const newest = 30

/** The words for what happened; null for what needs none. */
export interface Sayings {
  message: (row: MessageRow) => string | null
  reaction: (message: Message, emoji: string, userId: string) => string | null
}

/**
 * The text for a polite live region: the newest message, or a reaction to one of the newest, when it came while the list
 * was open. Older pages that load, and rows that scroll in and out of the document, say nothing.
 */
export function useAnnouncer(rows: () => Row[], say: Sayings): Ref<string> {
  const text = ref('')
  watch(rows, (now, before) => {
    const last = now.at(-1)
    const previous = before.at(-1)
    if (!previous) return
    const arrived = last?.kind === 'message' && last.key !== previous.key && now.some((row) => row.key === previous.key)
    const words = arrived ? say.message(last) : reacted(now.slice(-newest), before.slice(-newest), say)
    if (words) text.value = words
  })
  return text
}

/** The words for the reaction that is in `now` and was not in `before`. */
function reacted(now: Row[], before: Row[], say: Sayings): string | null {
  for (const row of now) {
    const old = before.find((each) => each.key === row.key)
    if (row.kind !== 'message' || old?.kind !== 'message' || old.message === row.message) continue
    for (const [emoji, userIds] of Object.entries(row.message.reactions ?? {})) {
      const userId = userIds.find((each) => !old.message.reactions?.[emoji]?.includes(each))
      const words = userId && old.message.messageId ? say.reaction(row.message, emoji, userId) : null
      if (words) return words
    }
  }
  return null
}
