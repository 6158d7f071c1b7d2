import { defineStore } from 'pinia'
import { ref } from 'vue'

/** Whether messages are being searched: any part of the chat may begin. */
export const useSearchPanel = defineStore('searchPanel', () => {
  const open = ref(false)
  /** What to search for at first. */
  const asked = ref('')
  /** Counts the times that one asked: an open panel then takes the keyboard again. */
  const times = ref(0)

  function show(query = ''): void {
    open.value = true
    asked.value = query
    times.value++
  }
  function hide(): void {
    open.value = false
  }

  return { open, asked, times, show, hide }
})
