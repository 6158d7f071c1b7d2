import { onMounted, onScopeDispose } from 'vue'

/** Listens on a global target while the component lives. */
export function useEventListener<K extends keyof WindowEventMap>(
  target: Window,
  type: K,
  listener: (event: WindowEventMap[K]) => void,
  options?: AddEventListenerOptions,
): void
export function useEventListener<K extends keyof DocumentEventMap>(
  target: Document,
  type: K,
  listener: (event: DocumentEventMap[K]) => void,
  options?: AddEventListenerOptions,
): void
export function useEventListener(
  target: EventTarget,
  type: string,
  listener: (event: never) => void,
  options?: AddEventListenerOptions,
): void {
  onMounted(() => target.addEventListener(type, listener as EventListener, options))
  onScopeDispose(() => target.removeEventListener(type, listener as EventListener, options))
}
