import { computed, ref } from 'vue'

/** Listeners (for v-on) that take files dropped onto an element; `over` while some are held above it. */
export function useFileDrop(take: (files: File[]) => void) {
  /** Entering a child comes before leaving its parent: depth, not a flag. */
  const depth = ref(0)
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false

  return {
    over: computed(() => depth.value > 0),
    listeners: {
      dragenter: (event: DragEvent) => { if (carries(event)) depth.value++ },
      dragleave: (event: DragEvent) => { if (carries(event)) depth.value = Math.max(0, depth.value - 1) },
      dragover: (event: DragEvent) => { if (carries(event)) event.preventDefault() },
      drop(event: DragEvent) {
        if (!carries(event)) return
        event.preventDefault()
        depth.value = 0
        take([...event.dataTransfer!.files])
      },
    },
  }
}
