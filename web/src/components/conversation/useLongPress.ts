import { onScopeDispose } from 'vue'

const holdMs = 450
const slackPx = 10

/** Listeners (for v-on) that call `action` when a finger rests on the element without moving. */
export function useLongPress(action: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let from = { x: 0, y: 0 }
  let fired = false

  function cancel(): void {
    clearTimeout(timer)
  }
  onScopeDispose(cancel)

  return {
    pointerdown(event: PointerEvent) {
      cancel()
      fired = false
      if (event.pointerType === 'mouse' || (event.target as Element).closest('a, button, input')) return
      from = { x: event.clientX, y: event.clientY }
      timer = setTimeout(() => {
        fired = true
        action()
      }, holdMs)
    },
    pointermove(event: PointerEvent) {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > slackPx) cancel()
    },
    pointerup: cancel,
    touchend(event: TouchEvent) {
      /* The finger that is lifted must not tap what has come up under it. */
      if (fired) event.preventDefault()
    },
    pointercancel: cancel,
    contextmenu(event: MouseEvent) {
      /* Android's own menu would cover ours. */
      if ((event as PointerEvent).pointerType === 'touch') event.preventDefault()
    },
  }
}
