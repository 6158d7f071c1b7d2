import { watch } from 'vue'
import { useConnection } from './connection'
import { useDrafts } from './drafts'
import { useFileLinks } from './fileLinks'
import { useNotices } from './notices'
import { useOutbox } from './outbox'
import { usePeople } from './people'
import { usePush } from './push'
import { useReads } from './reads'
import { useRooms } from './rooms'
import { useSession } from './session'
import { useTimelines } from './timelines'
import { useUploads } from './uploads'

/**
 * Ties the stores to the session: signing in fills them from storage and connects, signing out writes what is unwritten,
 * disconnects and empties them. Called once, when the app starts.
 */
export function useLifecycle(): void {
  const session = useSession()
  const stores = [usePeople(), useRooms(), useTimelines(), useDrafts(), useOutbox(), useReads(), useNotices(), useUploads(), useFileLinks()] as const
  const [people, rooms, timelines, drafts, outbox,,, uploads] = stores
  const connection = useConnection()
  const push = usePush()

  // A cache that cannot be read is an empty one.
  session.onEnter(async () => {
    await Promise.all([people, rooms, drafts, outbox, uploads].map((store) => store.hydrate().catch(() => {})))
  })

  watch(() => session.signedIn, (signedIn, before) => {
    if (signedIn) {
      connection.start()
      void push.start()
    } else if (before) {
      if (session.status === 'signedOut') void push.unsubscribe().catch(() => {})
      flush()
      connection.stop()
      for (const store of stores) store.reset()
    }
  }, { immediate: true, flush: 'sync' })

  // The server closes the sockets of a session that ends; one that is still open would ask to come back.
  watch(() => session.leaving, (leaving) => {
    if (leaving) connection.stop()
    else if (session.signedIn) connection.start()
  }, { flush: 'sync' })

  function flush(): void {
    drafts.flush()
    rooms.flush()
    timelines.flush()
  }

  // Where the system shows a badge on the app's icon: how often one is meant, or that there is something.
  watch(() => rooms.totals, ({ unread, mentions }) => {
    const badge = navigator as Partial<Pick<Navigator, 'setAppBadge' | 'clearAppBadge'>>
    void (unread || mentions ? badge.setAppBadge?.(mentions || undefined) : badge.clearAppBadge?.())?.catch(() => {})
  })

  // Once this device knows what was read meanwhile, on others too, nobody need be told of it any more.
  let tidying: ReturnType<typeof setTimeout> | undefined
  watch([() => rooms.totals, () => connection.open], ([, open]) => {
    clearTimeout(tidying)
    if (open) tidying = setTimeout(() => void push.tidy().catch(() => {}), 500)
  })

  // Neither of them is promised by every browser, both together are: phones hide a page and never come back to it.
  window.addEventListener('pagehide', flush)
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'hidden') flush() })
}
