import { onScopeDispose, readonly, ref, shallowRef, watch } from 'vue'
import { ApiError } from '@/api/errors'
import { useDelayed } from '@/components/ui/useDelayed'
import type { Message, SearchInput, SearchPage } from '@/protocol/types'

/** How long typing rests before the server is asked, in milliseconds. */
const pause = 250
/** What the server asks to wait at most, in milliseconds, for the search to go on by itself. */
const patience = 10_000

export type Ask = (input: SearchInput, signal: AbortSignal) => Promise<SearchPage>

/**
 * Finds messages as `wanted` changes; null asks for nothing. An answer to what is no longer wanted is never shown. `more`
 * goes on where the last page ended.
 */
export function useMessageSearch(wanted: () => SearchInput | null, ask: Ask) {
  const messages = shallowRef<readonly Message[]>([])
  const cursor = ref<string>()
  const searchedTo = ref<number>()
  const busy = ref(false)
  const error = shallowRef<Error | null>(null)
  /** True once an answer, or a refusal, to what is wanted is here. */
  const answered = ref(false)
  let running: AbortController | null = null

  function forget(): void {
    running?.abort()
    running = null
    busy.value = answered.value = false
    error.value = null
  }

  async function run(input: SearchInput): Promise<void> {
    const mine = running = new AbortController()
    busy.value = true
    error.value = null
    try {
      const page = await patiently(() => ask(input, mine.signal), mine.signal)
      if (running !== mine) return
      messages.value = input.cursor ? [...messages.value, ...page.messages] : page.messages
      cursor.value = page.cursor
      searchedTo.value = page.searchedTo
    } catch (failure) {
      if (running !== mine) return
      if (!(failure instanceof ApiError)) throw failure
      error.value = failure
      if (!input.cursor) clear()
    } finally {
      if (running === mine) {
        busy.value = false
        answered.value = true
      }
    }
  }

  function clear(): void {
    messages.value = []
    cursor.value = searchedTo.value = undefined
  }

  const begin = useDelayed(() => {
    const input = wanted()
    if (input) void run(input)
  }, pause)

  watch(() => JSON.stringify(wanted()), () => {
    forget()
    if (!wanted()) return clear()
    busy.value = true
    begin()
  }, { immediate: true })
  onScopeDispose(forget)

  /** Reads on, or tries again what failed. */
  function more(): void {
    const input = wanted()
    if (!input || busy.value) return
    if (cursor.value) void run({ ...input, cursor: cursor.value })
    else if (error.value) void run(input)
  }

  return { messages, cursor: readonly(cursor), searchedTo: readonly(searchedTo), busy: readonly(busy), error, answered: readonly(answered), more }
}

/** Who searched too often waits as long as the server says, and asks again. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const wait = error instanceof ApiError && error.code === 'rate_limited' ? error.retryAfterMs ?? Infinity : Infinity
      if (signal.aborted || wait > patience) throw error
      await new Promise((resolve) => setTimeout(resolve, wait))
      if (signal.aborted) throw error
    }
  }
}
