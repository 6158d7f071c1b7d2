import { useVirtualizer } from '@tanstack/vue-virtual'
import { computed, nextTick, onMounted, onScopeDispose, ref, watch, type ComponentPublicInstance, type Ref } from 'vue'
import { indexOfKey, type ListItem } from '@/components/conversation/listItems'
import { useEventListener } from '@/components/ui/useEventListener'

/** What the scrolling needs of the list that it moves. */
export interface ScrollSource {
  items: () => readonly ListItem[]
  anchorKey: () => string | null
  /** Pixels from the top at which the anchor is to stand; undefined for a little below it. */
  anchorTop: () => number | undefined
  hasMoreBefore: () => boolean
  hasMoreAfter: () => boolean
  loadingBefore: () => boolean
  loadingAfter: () => boolean
  loadBefore: () => void
  loadAfter: () => void
  seen: (seq: number) => void
  /** The page goes away while `seq` is the topmost message, `top` pixels down, or null if the end is followed. */
  leave: (seq: number | null, top: number) => void
}

const estimates: Record<ListItem['row']['kind'], number> = { beginning: 140, notice: 28, message: 44 }
/** Rows from the edge at which the next page is asked for. */
const ahead = 25
/** Pixels from the end that still count as being there. */
const nearEnd = 60

/**
 * A virtual list for a conversation: opens at its anchor, follows the end while one is there, keeps what one
 * reads in place when rows come or go above, asks for pages before an edge is reached, and tells what was seen.
 */
export function useMessageScroll(scroller: Ref<HTMLElement | undefined>, source: ScrollSource) {
  const list = computed(source.items)
  const virtualizer = useVirtualizer<HTMLElement, HTMLElement>(computed(() => ({
    count: list.value.length,
    getScrollElement: () => scroller.value ?? null,
    estimateSize: (index: number) => estimates[list.value[index]?.row.kind ?? 'message'],
    getItemKey: (index: number) => list.value[index]?.key ?? index,
    overscan: 10,
    anchorTo: 'end' as const,
    followOnAppend: false,
    scrollEndThreshold: nearEnd,
    scrollPaddingStart: 56,
    scrollPaddingEnd: 8,
  })))
  const items = computed(() => virtualizer.value.getVirtualItems())
  const total = computed(() => virtualizer.value.getTotalSize())
  const atEnd = ref(true)
  const ready = ref(false)
  /** Counts scrolls by the list itself. */
  let moves = 0
  /** The number of the one under way, or 0. */
  let moving = 0
  /** True once the person scrolled; until then the list may still move to an anchor that comes late. */
  let touched = false
  /** True while the end is followed: until the person scrolls up, however fast messages come. */
  let following = true
  let lastTop = 0
  /** What is kept in place; null at the end, which is followed instead. */
  let held: Held | null = null

  function measure(node: Element | ComponentPublicInstance | null): void {
    if (node instanceof HTMLElement) virtualizer.value.measureElement(node)
  }

  /** Scrolls to a row, waits until it is in the document; to `top` pixels from the top if given. */
  async function scrollToKey(key: string, align: 'start' | 'center' | 'auto', top?: number): Promise<void> {
    for (let tries = 0; tries < 4; tries++) {
      const index = indexOfKey(list.value, key)
      if (index < 0) return
      const arrived = await move(() => virtualizer.value.scrollToIndex(index, { align }), false)
      // A page that came above meanwhile has moved it on; somebody who scrolls has not.
      if (!arrived || indexOfKey(list.value, key) === index) break
    }
    for (let i = 0; top !== undefined && scroller.value && i < 4; i++) {
      restore(scroller.value, { key, top: scroller.value.getBoundingClientRect().top + top })
      await frame()
    }
  }

  const scrollToAnchor = (key: string) => scrollToKey(key, 'start', source.anchorTop())

  async function scrollToEnd(): Promise<void> {
    await move(() => virtualizer.value.scrollToEnd(), true)
  }

  /** Scrolls, and waits until rows that were measured on the way no longer change where that is; false if another scroll came in between. */
  async function move(scroll: () => void, follow: boolean): Promise<boolean> {
    const turn = moving = ++moves
    held = null
    following = follow
    scroll()
    let before = ''
    for (let steady = 0, i = 0; steady < 3 && i < 40 && turn === moving; i++) {
      await frame()
      const now = `${scroller.value?.scrollTop} ${scroller.value?.scrollHeight}`
      steady = now === before ? steady + 1 : 0
      before = now
    }
    if (turn !== moving) return false
    moving = 0
    scrolled()
    return true
  }

  async function begin(): Promise<void> {
    if (ready.value || !list.value.length || !scroller.value) return
    await nextTick()
    const anchor = source.anchorKey()
    if (anchor) await scrollToAnchor(anchor)
    else await scrollToEnd()
    ready.value = true
    scrolled()
  }

  /** Looks at what is on screen: asks for pages near an edge, tells what was read. */
  function look(): void {
    const element = scroller.value
    if (!element || !ready.value || !list.value.length) return
    atEnd.value = following || toEnd(element) <= nearEnd
    const range = virtualizer.value.range
    if (!range) return
    if (range.startIndex < ahead && source.hasMoreBefore() && !source.loadingBefore()) source.loadBefore()
    if (range.endIndex > list.value.length - ahead && source.hasMoreAfter() && !source.loadingAfter()) source.loadAfter()
    if (document.hasFocus() && document.visibilityState === 'visible') tellSeen(element)
  }

  function tellSeen(element: HTMLElement): void {
    const from = element.scrollTop
    const to = from + element.clientHeight
    const last = items.value.findLast((item) => {
      const row = list.value[item.index]?.row
      const whole = item.end <= to + 4
      return row?.kind === 'message' && row.message.seq > 0 && (whole || item.start < from) && item.end > from
    })
    const row = last && list.value[last.index]?.row
    if (row?.kind === 'message') source.seen(row.message.seq)
  }

  /* What one reads keeps its place, to the pixel: remembered at each scroll, put back after each change of layout. */
  function keepPlace(): void {
    if (!scroller.value || !ready.value) return
    if (held) restore(scroller.value, held)
    else if (following && !source.hasMoreAfter()) scroller.value.scrollTop = scroller.value.scrollHeight
  }
  function scrolled(): void {
    const element = scroller.value
    if (!element) return
    if (!moving) following = toEnd(element) <= 2 || (following && element.scrollTop >= lastTop)
    lastTop = element.scrollTop
    look()
    held = ready.value && !moving && !following ? hold(element) : null
  }
  watch(list, async () => {
    await begin()
    keepPlace()
    await nextTick()
    keepPlace()
    look()
  }, { flush: 'post' })
  watch([total, () => items.value[0]?.start], keepPlace, { flush: 'post' })
  watch(() => [source.loadingBefore(), source.loadingAfter()], look, { flush: 'post' })
  /* The virtualizer may hear of a scroll after us: what it then shows is what to look at. */
  watch(() => [items.value[0]?.index, items.value.at(-1)?.index], look, { flush: 'post' })
  watch(source.anchorKey, (key) => {
    if (key && !touched) void scrollToAnchor(key)
  }, { flush: 'post' })
  useEventListener(window, 'focus', look)
  useEventListener(window, 'pagehide', () => {
    const row = held && list.value[indexOfKey(list.value, held.key)]?.row
    const top = (held?.top ?? 0) - (scroller.value?.getBoundingClientRect().top ?? 0)
    source.leave(row?.kind === 'message' && row.message.seq > 0 ? row.message.seq : null, top)
  })
  /* A taller composer or keyboard takes from the list; who was at the end stays there. */
  const resized = new ResizeObserver(() => {
    if (ready.value && following) void scrollToEnd()
    look()
  })
  onMounted(() => {
    if (scroller.value) {
      resized.observe(scroller.value)
      scroller.value.addEventListener('scroll', scrolled, { passive: true })
      for (const sign of ['wheel', 'touchmove', 'keydown', 'pointerdown']) scroller.value.addEventListener(sign, () => { touched = true }, { passive: true })
      // Who takes hold of the list while it moves has it.
      for (const sign of ['wheel', 'touchmove', 'pointerdown']) scroller.value.addEventListener(sign, () => { moving = 0 }, { passive: true })
    }
    void begin()
  })
  onScopeDispose(() => resized.disconnect())

  return { virtualizer, items, total, atEnd, measure, scrollToKey, scrollToEnd }
}

/** A message and where it stands on the screen. */
interface Held {
  key: string
  top: number
}

/** Pixels between what is on screen and the end. */
function toEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight
}

/** The first message that begins on screen. */
function hold(element: HTMLElement | undefined): Held | null {
  if (!element) return null
  const edge = element.getBoundingClientRect().top
  for (const node of element.querySelectorAll<HTMLElement>('article[data-key]')) {
    const { top } = node.getBoundingClientRect()
    if (top >= edge) return { key: node.dataset.key!, top }
  }
  return null
}

function restore(element: HTMLElement, { key, top }: Held): void {
  const node = element.querySelector(`article[data-key="${CSS.escape(key)}"]`)
  if (!node) return
  const moved = node.getBoundingClientRect().top - top
  if (Math.abs(moved) > 0.5) element.scrollTop += moved
}

function frame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()))
}
