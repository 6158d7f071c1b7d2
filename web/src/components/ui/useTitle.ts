import { onScopeDispose, watchEffect, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRooms } from '@/stores/rooms'
import { useSession } from '@/stores/session'

/** Names the document after the page, with what is unread before it. */
export function useTitle(page: Readonly<Ref<string>>): void {
  const { t } = useI18n()
  const session = useSession()
  const rooms = useRooms()
  watchEffect(() => {
    const { unread, mentions } = rooms.totals
    const mark = mentions ? `(${mentions}) ` : unread ? '• ' : ''
    const server = session.server?.name || 'Parley'
    document.title = mark + (page.value ? t('app.title', { page: page.value, server }) : server)
  })
  onScopeDispose(() => { document.title = session.server?.name || 'Parley' })
}
