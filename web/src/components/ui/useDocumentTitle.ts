import { watchEffect } from 'vue'
import { useI18n } from 'vue-i18n'
import { useSession } from '@/stores/session'

/** Names the document after a page outside of the chat. */
export function useDocumentTitle(page: () => string): void {
  const { t } = useI18n()
  const session = useSession()
  watchEffect(() => { document.title = t('app.title', { page: page(), server: session.server?.name || 'Parley' }) })
}
