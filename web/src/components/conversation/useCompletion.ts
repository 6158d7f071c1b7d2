import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { findTrigger, matchPeople, type Candidate, type Trigger } from '@/components/conversation/completion'
import type { Suggestion } from '@/components/conversation/CompletionList.vue'
import type { EmojiData } from '@/components/conversation/emoji'

/** Suggestions for the word before the caret. `wantPeople` is called with what follows the `@`. */
export function useCompletion(people: () => readonly Candidate[], everybody: () => boolean, wantPeople: (query: string) => void) {
  const { t, locale } = useI18n()
  const trigger = shallowRef<Trigger | null>(null)
  const emoji = shallowRef<Suggestion[]>([])
  const active = ref(0)
  let data: EmojiData | undefined

  onScopeDispose(() => void data?.close())
  watch(locale, () => {
    void data?.close()
    data = undefined
  })

  async function searchEmoji(query: string): Promise<void> {
    data ??= (await import('@/components/conversation/emoji')).openEmoji(locale.value)
    const found = await data.search(query).catch(() => [])
    if (trigger.value?.query !== query) return
    emoji.value = found
      .slice(0, 7)
      .map((each) => ({ key: each.unicode, insert: each.unicode, sign: each.unicode, label: `:${each.shortcode}:`, detail: '' }))
  }

  /** Looks at the text again; call after each change and caret move. */
  function look(text: string, caret: number): void {
    const found = findTrigger(text, caret)
    if (found?.kind === trigger.value?.kind && found?.query === trigger.value?.query) {
      trigger.value = found
      return
    }
    trigger.value = found
    active.value = 0
    if (found?.kind === 'person') wantPeople(found.query)
    emoji.value = []
    if (found?.kind === 'emoji') void searchEmoji(found.query)
  }

  const suggestions = computed<Suggestion[]>(() => {
    if (!trigger.value) return []
    if (trigger.value.kind === 'emoji') return emoji.value
    const { query } = trigger.value
    const all = everybody() ? ['room', 'here'].filter((word) => word.startsWith(query.toLowerCase())) : []
    return [
      ...matchPeople(people(), query).map((person) => ({
        key: person.userId, insert: `@${person.username}`, label: person.displayName, detail: `@${person.username}`, person,
      })),
      ...all.map((word) => ({ key: `@${word}`, insert: `@${word}`, sign: '@', label: t(`mentions.${word}`), detail: `@${word}` })),
    ]
  })

  function move(step: number): void {
    const count = suggestions.value.length
    active.value = (active.value + step + count) % count
  }
  function close(): void {
    trigger.value = null
  }

  return { trigger, suggestions, active, look, move, close }
}
