import { nextTick, shallowRef, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/errors'
import { useErrorText } from '@/components/ui/useErrorText'
import { useToasts } from '@/components/ui/toasts'
import { useReactions } from '@/stores/reactions'
import type { MessageRow } from '@/timeline/types'

/** What reacting needs of the list: words for the live region, and the keyboard back on the message. */
interface Spoken {
  say: (text: string) => void
  focusOn: (key: string) => void
}

/** Reacts to messages: at once, with words for screen readers, and with a notice where it was refused. */
export function useReacting(list: Readonly<Ref<Spoken | undefined>>) {
  const { t } = useI18n()
  const reactions = useReactions()
  const errorText = useErrorText()
  const toasts = useToasts()
  /** The message for which all emoji are shown, and where. */
  const picking = shallowRef<{ row: MessageRow; place: DOMRect } | null>(null)

  async function react({ message }: MessageRow, emoji: string): Promise<void> {
    const mine = reactions.of(message).some((reaction) => reaction.emoji === emoji && reaction.mine)
    list.value?.say(t(mine ? 'reactions.removed' : 'reactions.added', { emoji }))
    try {
      await reactions.toggle(message, emoji)
    } catch (error) {
      const full = error instanceof ApiError && error.code === 'conflict'
      toasts.show(full ? t('reactions.full') : `${t('reactions.failed')} ${errorText(error)}`, 'danger')
    }
  }

  function pick(anchor: HTMLElement, row: MessageRow): void {
    picking.value = { row, place: anchor.getBoundingClientRect() }
  }

  async function closePicker(): Promise<void> {
    const key = picking.value?.row.key
    picking.value = null
    await nextTick()
    if (key) list.value?.focusOn(key)
  }

  async function picked(emoji: string): Promise<void> {
    const row = picking.value?.row
    await closePicker()
    // Picking what one has reacted with already takes nothing back.
    const mine = row && reactions.of(row.message).some((reaction) => reaction.emoji === emoji && reaction.mine)
    if (row && !mine) await react(row, emoji)
  }

  return { picking, react, pick, picked, closePicker }
}
