import type { Channel } from '../api/channel'
import { ApiError } from '../api/errors'
import type { LogFrame, ServerFrame, SyncedRoom } from '../protocol/types'
import { useOutbox } from './outbox'
import { usePeople } from './people'
import { useNotices } from './notices'
import { useReads } from './reads'
import { useRooms } from './rooms'
import { useTimelines } from './timelines'
import { useUploads } from './uploads'

/** How long a head may be ahead of what was delivered before it counts as a gap, in milliseconds. */
const headGrace = 1_000

/** Leads what the socket brings to the stores. While catching up, frames wait and are taken in afterwards, in order. */
export function useDispatch() {
  let waiting: ServerFrame[] | null = null

  function frame(received: ServerFrame): void {
    if (waiting) waiting.push(received)
    else take(received)
  }

  function take(received: ServerFrame): void {
    const people = usePeople()
    switch (received.type) {
      case 'newMessage':
        people.stopTyping(received.data.message.roomId, received.data.message.userId)
        return useTimelines().take(received)
      case 'messageUpdated':
      case 'room':
        return useTimelines().take(received)
      case 'ack': {
        // In the place of `newMessage` for the connection that sent it.
        const { message } = received.data
        if (message) useTimelines().take({ type: 'newMessage', data: { message } } satisfies LogFrame)
        return
      }
      case 'presence':
        return people.setPresence(received.data)
      case 'typing':
        return people.startTyping(received.data.roomId, received.data.userId)
      case 'read':
        useReads().note(received.data.roomId, received.data.userId, received.data.seq)
        return useRooms().noteRead(received.data.roomId, received.data.userId, received.data.seq)
      case 'notification':
        return useNotices().note(received.data)
    }
  }

  /** Subscribed before fetched: the frames of the new socket wait while the list and what was missed arrive. */
  async function catchUp(socket: Channel): Promise<void> {
    const mine: ServerFrame[] = []
    waiting = mine
    try {
      await useRooms().refresh()
      await useTimelines().syncAll(socket)
    } finally {
      if (waiting === mine) waiting = null
      mine.forEach(take)
    }
    askPresence(socket)
  }

  /** The next socket is open while the former still tells: asks for what neither may have told. */
  async function closeGaps(socket: Channel): Promise<void> {
    const { rooms } = await socket.request('ping', {})
    await useTimelines().syncTo(rooms, socket)
    heads(rooms)
  }

  function askPresence(socket: Channel): void {
    void socket.request('getClients', {}).then(({ clients }) => usePeople().setPresence(...clients), ignoreRefusal)
  }

  function opened(): void {
    useRooms().flushRead()
    useTimelines().loadOpened()
    void useOutbox().flush()
    useUploads().resume()
  }

  function heads(rooms: Record<string, number>): void {
    setTimeout(() => useTimelines().checkHeads(rooms), headGrace)
  }

  const held = () => useTimelines().heldLogs()
  const synced = (rooms: readonly SyncedRoom[]) => useTimelines().takeAll(rooms)

  function lost(): void {
    void useOutbox().flush()
  }

  return { frame, catchUp, closeGaps, askPresence, opened, heads, held, synced, lost }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ApiError)) throw error
}
