import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import { useSession } from './session'

export interface Draft {
  text: string
  replyTo?: string
}

/** How long typing gathers before it is written, in milliseconds. */
const debounce = 300

/** What was written and not yet sent, a draft a room, kept in this browser. */
export const useDrafts = defineStore('drafts', () => {
  const session = useSession()
  const byRoom = shallowReactive(new Map<string, Draft>())
  const dirty = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined

  const get = (roomId: string): Draft => byRoom.get(roomId) ?? { text: '' }
  const has = (roomId: string): boolean => byRoom.has(roomId)

  /** An empty text without a reply forgets the draft. Written to storage debounced. */
  function set(roomId: string, draft: Draft): void {
    if (draft.text.trim() || draft.replyTo) byRoom.set(roomId, { ...draft })
    else byRoom.delete(roomId)
    dirty.add(roomId)
    timer ??= setTimeout(flush, debounce)
  }

  function clear(roomId: string): void {
    set(roomId, { text: '' })
    flush()
  }

  /** Writes what is not written yet. */
  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    for (const roomId of dirty) {
      const draft = byRoom.get(roomId)
      void (draft ? session.storage?.saveDraft({ roomId, ...draft }) : session.storage?.dropDraft(roomId))?.catch(() => {})
    }
    dirty.clear()
  }

  async function hydrate(): Promise<void> {
    for (const { roomId, ...draft } of (await session.storage?.drafts()) ?? []) {
      if (!byRoom.has(roomId)) byRoom.set(roomId, draft)
    }
  }

  function reset(): void {
    clearTimeout(timer)
    timer = undefined
    dirty.clear()
    byRoom.clear()
  }

  return { byRoom, get, has, set, clear, flush, hydrate, reset }
})
