import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'danger'
}

/** Short notices over the page. They leave by themselves; nothing that must be read stands only here. */
export const useToasts = defineStore('toasts', () => {
  const shown = ref<Toast[]>([])
  let last = 0

  function show(text: string, tone: Toast['tone'] = 'plain'): void {
    const id = ++last
    shown.value = [...shown.value.slice(-2), { id, text, tone }]
    setTimeout(() => dismiss(id), tone === 'danger' ? 8000 : 4000)
  }
  function dismiss(id: number): void {
    shown.value = shown.value.filter((toast) => toast.id !== id)
  }

  return { shown, show, dismiss }
})
