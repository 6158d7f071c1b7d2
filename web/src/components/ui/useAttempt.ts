import { ref } from 'vue'
import { useErrorText } from '@/components/ui/useErrorText'
import { useToasts } from '@/components/ui/toasts'

/** Runs actions that may be refused: `busy` while one runs, a notice when it fails. Answers whether it worked. */
export function useAttempt() {
  const busy = ref(false)
  const errorText = useErrorText()
  const toasts = useToasts()

  async function attempt(action: () => Promise<unknown>): Promise<boolean> {
    busy.value = true
    try {
      await action()
      return true
    } catch (error) {
      toasts.show(errorText(error), 'danger')
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, attempt }
}
