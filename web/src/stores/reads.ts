import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import { ApiError } from '../api/errors'
import { useServices } from '../services'
import { useRooms } from './rooms'
import { useSession } from './session'

/** How far the others have read the small rooms that were opened here. */
export const useReads = defineStore('reads', () => {
  const { routes } = useServices()
  const session = useSession()
  /** Room to person to seq; none for rooms that do not tell. */
  const byRoom = shallowReactive(new Map<string, ReadonlyMap<string, number>>())

  /** Asks who has read how far. A large room, or one's own wish not to tell, answers nobody. */
  async function load(roomId: string): Promise<void> {
    try {
      const { reads } = await routes.reads(roomId)
      const held = byRoom.get(roomId)
      byRoom.set(roomId, new Map(reads.filter((mark) => mark.userId !== session.userId)
        .map(({ userId, seq }) => [userId, Math.max(seq, held?.get(userId) ?? 0)])))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (!error.temporary) byRoom.delete(roomId)
    }
  }

  /** Somebody's marker moved. */
  function note(roomId: string, userId: string, seq: number): void {
    const held = byRoom.get(roomId)
    if (!held || userId === session.userId || seq <= (held.get(userId) ?? 0)) return
    byRoom.set(roomId, new Map(held).set(userId, seq))
  }

  /** True where who has read what is told. */
  const told = (roomId: string): boolean => byRoom.has(roomId) && useRooms().get(roomId) !== undefined

  /** Those who have read a message, its author left out. */
  function readersOf({ roomId, seq, userId }: { roomId: string; seq: number; userId: string }): string[] {
    return [...(byRoom.get(roomId) ?? [])].filter(([reader, upTo]) => upTo >= seq && reader !== userId).map(([reader]) => reader)
  }

  function reset(): void {
    byRoom.clear()
  }

  return { byRoom, load, note, told, readersOf, reset }
})
