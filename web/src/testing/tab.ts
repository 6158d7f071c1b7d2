import { createPinia, type Pinia } from 'pinia'
import { createApp } from 'vue'
import { makeLocks, type WithLock } from '../api/locks'
import { Socket } from '../api/socket'
import { makeServices, provideServices } from '../services'
import { useConnection } from '../stores/connection'
import { useDrafts } from '../stores/drafts'
import { useLifecycle } from '../stores/lifecycle'
import { useNotices } from '../stores/notices'
import { useOutbox } from '../stores/outbox'
import { usePeople } from '../stores/people'
import { useReactions } from '../stores/reactions'
import { useRooms } from '../stores/rooms'
import { useSession } from '../stores/session'
import { useSettings } from '../stores/settings'
import { useTimelines } from '../stores/timelines'
import { useUploads } from '../stores/uploads'
import type { FakeServer } from './fakeServer'
import { socketsOf } from './fakeSocket'
import { until } from './until'

export type Tab = ReturnType<typeof openTab>

/** One tab of the browser: the whole app below its components, with a fake server behind it. */
export function openTab(server: FakeServer, withLock: WithLock = makeLocks(undefined), random = () => 0) {
  const app = createApp({})
  const pinia: Pinia = createPinia()
  app.use(pinia)
  const services = makeServices({
    fetch: server.fetch, withLock, random,
    putBytes: server.putBytes,
    openSocket: (url, handlers) => Socket.open(url, handlers, socketsOf(server)),
  })
  provideServices(app, services)
  app.runWithContext(useLifecycle)
  const stores = {
    session: useSession(pinia), connection: useConnection(pinia), rooms: useRooms(pinia), timelines: useTimelines(pinia),
    outbox: useOutbox(pinia), drafts: useDrafts(pinia), people: usePeople(pinia), settings: useSettings(pinia), reactions: useReactions(pinia), notices: useNotices(pinia), uploads: useUploads(pinia),
  }
  return {
    ...stores,
    /** Signs in and waits until everything is there. */
    async signIn(username: string): Promise<void> {
      await stores.session.login(username, 'secret')
      await until(() => { if (!stores.connection.open) throw new Error(stores.connection.status) })
    },
    /** Closes the tab, as a reload does: nothing in memory survives. */
    close(): void {
      stores.timelines.flush()
      stores.rooms.flush()
      stores.drafts.flush()
      stores.connection.stop()
      stores.outbox.reset()
      stores.session.storage?.close()
    },
    /** The texts of a room's rows, with the state of those not sent. */
    texts(roomId: string): string[] {
      return (stores.timelines.view(roomId)?.rows ?? []).flatMap((row) => row.kind === 'message'
        ? [row.message.deletedAt ? '(deleted)' : row.message.content + (row.state === 'sent' ? '' : ` (${row.state})`)]
        : row.kind === 'new' ? ['---'] : [])
    },
  }
}
