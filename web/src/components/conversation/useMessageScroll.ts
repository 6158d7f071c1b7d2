import { useVirtualizer } from '@tanstack/vue-virtual'
import { computed, nextTick, onMounted, ref, watch, type ComponentPublicInstance, type Ref } from 'vue'
import type { ListRow } from '@/components/conversation/types'
import { useEventListener } from '@/components/ui/useEventListener'

/** What the scrolling needs of the list that it moves. */
export interface ScrollSource {
  rows: () => readonly ListRow[]
  anchorKey: () => string | null
  hasMoreBefore: () => boolean
  hasMoreAfter: () => boolean
  loadingBefore: () => boolean
  loadingAfter: () => boolean
  loadBefore: () => void
  loadAfter: () => void
  seen: (seq: number) => void
}

const estimates: Record<ListRow['kind'], number> = { beginning: 140, day: 46, new: 32, notice: 28, message: 44 }
/** Rows from the edge at which the next page is asked for. */
const ahead = 15
/** Pixels from the end that still count as being there. */
const nearEnd = 60

/**
 * A virtual list for a conversation: opens at its anchor, follows the end while one is there, keeps what one
 * reads in place when rows come or go above, asks for pages before an edge is reached, and tells what was seen.
 */
export function useMessageScroll(scroller: Ref<HTMLElement | undefined>, source: ScrollSource) {
  const rows = computed(source.rows)
  const virtualizer = useVirtualizer<HTMLElement, HTMLElement>(computed(() => ({
    count: rows.value.length,
    getScrollElement: () => scroller.value ?? null,
    estimateSize: (index: number) => estimates[rows.value[index]?.kind ?? 'message'],
    getItemKey: (index: number) => rows.value[index]?.key ?? index,
    overscan: 10,
    anchorTo: 'end' as const,
    followOnAppend: !source.hasMoreAfter(),
    scrollEndThreshold: nearEnd,
    scrollPaddingStart: 56,
    scrollPaddingEnd: 8,
  })))
  const items = computed(() => virtualizer.value.getVirtualItems())
  const total = computed(() => virtualizer.value.getTotalSize())
  const atEnd = ref(true)
  const ready = ref(false)

  function measure(node: Element | ComponentPublicInstance | null): void {
    if (node instanceof HTMLElement) virtualizer.value.measureElement(node)
  }

  /** Scrolls to a row, waits until it is in the document. */
  async function scrollToKey(key: string, align: 'start' | 'center' | 'auto'): Promise<void> {
    const index = rows.value.findIndex((row) => row.key === key)
    if (index < 0) return
    virtualizer.value.scrollToIndex(index, { align })
    await frame()
    await nextTick()
  }

  function scrollToEnd(): void {
    virtualizer.value.scrollToEnd()
  }

  async function begin(): Promise<void> {
    if (ready.value || !rows.value.length || !scroller.value) return
    await nextTick()
    const anchor = source.anchorKey()
    if (anchor) await scrollToKey(anchor, 'start')
    else scrollToEnd()
    await frame()
    ready.value = true
    look()
  }

  /** Looks at what is on screen: asks for pages near an edge, tells what was read. */
  function look(): void {
    const element = scroller.value
    if (!element || !ready.value || !rows.value.length) return
    atEnd.value = element.scrollHeight - element.scrollTop - element.clientHeight <= nearEnd
    const range = virtualizer.value.range
    if (!range) return
    if (range.startIndex < ahead && source.hasMoreBefore() && !source.loadingBefore()) source.loadBefore()
    if (range.endIndex > rows.value.length - ahead && source.hasMoreAfter() && !source.loadingAfter()) source.loadAfter()
    if (document.hasFocus() && document.visibilityState === 'visible') tellSeen(element)
  }

  function tellSeen(element: HTMLElement): void {
    const from = element.scrollTop
    const to = from + element.clientHeight
    const last = items.value.findLast((item) => {
      const row = rows.value[item.index]
      const whole = item.end <= to + 4
      return row?.kind === 'message' && row.message.seq > 0 && (whole || item.start < from) && item.end > from
    })
    const row = last && rows.value[last.index]
    if (row?.kind === 'message') source.seen(row.message.seq)
  }

  /* What is read keeps its place, to the pixel, whatever changes above it. */
  let held: { key: string; top: number } | null = null
  watch(rows, () => { held = ready.value && !atEnd.value ? hold(scroller.value) : null }, { flush: 'pre' })
  watch(rows, async () => {
    await begin()
    await nextTick()
    if (held && scroller.value) restore(scroller.value, held)
    held = null
    look()
  }, { flush: 'post' })
  watch(() => [virtualizer.value.range?.startIndex, virtualizer.value.range?.endIndex, virtualizer.value.scrollOffset], look, { flush: 'post' })
  watch(() => [source.loadingBefore(), source.loadingAfter()], look, { flush: 'post' })
  useEventListener(window, 'focus', look)
  onMounted(begin)

  return { virtualizer, items, total, atEnd, measure, scrollToKey, scrollToEnd }
}

/** The first message that is wholly on screen, and where it stands. */
function hold(element: HTMLElement | undefined): { key: string; top: number } | null {
  if (!element) return null
  const edge = element.getBoundingClientRect().top
  for (const node of element.querySelectorAll<HTMLElement>('article[data-key]')) {
    const { top } = node.getBoundingClientRect()
    if (top >= edge) return { key: node.dataset.key!, top }
  }
  return null
}

function restore(element: HTMLElement, { key, top }: { key: string; top: number }): void {
  const node = element.querySelector(`article[data-key="${CSS.escape(key)}"]`)
  if (!node) return
  const moved = node.getBoundingClientRect().top - top
  if (Math.abs(moved) > 0.5) element.scrollTop += moved
}

function frame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()))
}
