import { computed, ref } from 'vue'

const most = 8
/** Pixels that a finger moves sideways for it to be a swipe. */
const swipe = 60

/** Zooming and moving of a picture by wheel, pinch, drag and double click; a swipe while not zoomed calls `step`. */
export function usePan(step: (by: 1 | -1) => void) {
  const scale = ref(1)
  const x = ref(0)
  const y = ref(0)
  const pointers = new Map<number, PointerEvent>()
  let from = { x: 0, y: 0, apart: 0, scale: 1, startX: 0, moved: false }

  function zoom(by: number): void {
    scale.value = Math.min(most, Math.max(1, scale.value * by))
    if (scale.value === 1) x.value = y.value = 0
  }
  function reset(): void {
    scale.value = 1
    x.value = y.value = 0
  }

  const apart = () => {
    const [a, b] = [...pointers.values()]
    return a && b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0
  }
  function begin(event: PointerEvent): void {
    from = { x: x.value - event.clientX, y: y.value - event.clientY, apart: apart(), scale: scale.value, startX: event.clientX, moved: pointers.size > 1 }
  }

  const listeners = {
    wheel(event: WheelEvent) {
      event.preventDefault()
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15)
    },
    dblclick: () => (scale.value > 1 ? reset() : zoom(2.5)),
    pointerdown(event: PointerEvent) {
      pointers.set(event.pointerId, event)
      begin(event)
    },
    pointermove(event: PointerEvent) {
      if (!pointers.has(event.pointerId)) return
      pointers.set(event.pointerId, event)
      if (pointers.size === 2 && from.apart > 0) {
        from.moved = true
        scale.value = Math.min(most, Math.max(1, from.scale * apart() / from.apart))
      } else if (pointers.size === 1 && scale.value > 1) {
        x.value = from.x + event.clientX
        y.value = from.y + event.clientY
      }
    },
    pointerup(event: PointerEvent) {
      const way = event.clientX - from.startX
      pointers.delete(event.pointerId)
      if (event.pointerType === 'touch' && scale.value === 1 && !from.moved && Math.abs(way) > swipe) step((way < 0) === (document.dir !== 'rtl') ? 1 : -1)
      const [left] = pointers.values()
      if (left) begin(left)
    },
    pointercancel: (event: PointerEvent) => void pointers.delete(event.pointerId),
  }

  const style = computed(() => ({ transform: `translate(${x.value}px, ${y.value}px) scale(${scale.value})` }))
  return { scale, style, zoom, reset, listeners }
}
