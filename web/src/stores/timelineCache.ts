import { tail } from '../timeline/merge'
import type { Timeline } from '../timeline/types'
import type { CachedTimeline } from '../storage/storage'
import { useSession } from './session'

/** Messages kept of each room. */
const kept = 60
const debounce = 1_000

/** Keeps the newest part of rooms in this browser; writes gather and may be lost without harm. */
export function useTimelineCache() {
  const session = useSession()
  const unsaved = new Map<string, CachedTimeline>()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load(roomId: string): Promise<CachedTimeline | undefined> {
    return unsaved.get(roomId) ?? await session.storage?.timeline(roomId).catch(() => undefined)
  }

  function save(roomId: string, timeline: Timeline, applied: number): void {
    const newest = tail(timeline, kept)
    if (!newest) return
    unsaved.set(roomId, { roomId, timeline: newest, applied })
    timer ??= setTimeout(flush, debounce)
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    for (const cached of unsaved.values()) void session.storage?.saveTimeline(cached).catch(() => {})
    unsaved.clear()
  }

  function drop(roomId: string): void {
    unsaved.delete(roomId)
    void session.storage?.dropTimeline(roomId).catch(() => {})
  }

  function reset(): void {
    clearTimeout(timer)
    timer = undefined
    unsaved.clear()
  }

  return { load, save, flush, drop, reset }
}
