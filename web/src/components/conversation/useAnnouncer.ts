import { ref, watch, type Ref } from 'vue'
import type { MessageRow, Row } from '@/timeline/types'

/**
 * The text for a polite live region: the newest message, when it came while the list was open. Older pages that
 * load, and rows that scroll in and out of the document, say nothing. `say` answers null for what needs no word.
 */
export function useAnnouncer(rows: () => Row[], say: (row: MessageRow) => string | null): Readonly<Ref<string>> {
  const text = ref('')
  watch(rows, (now, before) => {
    const last = now.at(-1)
    const previous = before.at(-1)
    if (!previous || last?.kind !== 'message' || last.key === previous.key) return
    if (!now.some((row) => row.key === previous.key)) return
    const words = say(last)
    if (words) text.value = words
  })
  return text
}
