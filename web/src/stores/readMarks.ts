import { ApiError } from '../api/errors'

/** How long reading gathers before the server is told, in milliseconds. */
const debounce = 600

/**
 * Read markers on their way to the server: the newest of each room, sent debounced, kept while there is no connection.
 * `send` rejects with ApiError.
 */
export function useReadMarks(send: (roomId: string, seq: number) => Promise<unknown>) {
  const unsent = new Map<string, number>()
  let timer: ReturnType<typeof setTimeout> | undefined

  function mark(roomId: string, seq: number): void {
    unsent.set(roomId, Math.max(seq, pending(roomId)))
    timer ??= setTimeout(flush, debounce)
  }

  /** The newest marker of a room that the server may not have yet, or 0. */
  function pending(roomId: string): number {
    return unsent.get(roomId) ?? 0
  }

  /** Sends what is unsent; what cannot be sent now stays for the next time. */
  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    for (const [roomId, seq] of unsent) {
      send(roomId, seq).then(
        () => settle(roomId, seq),
        (error: unknown) => { if (!(error instanceof ApiError) || !error.temporary) settle(roomId, seq) },
      )
    }
  }

  function settle(roomId: string, seq: number): void {
    if (unsent.get(roomId) === seq) unsent.delete(roomId)
  }

  /** The server has a marker as far as this by itself: what does not go beyond is not sent. */
  function known(roomId: string, seq: number): void {
    if (pending(roomId) <= seq) unsent.delete(roomId)
  }

  function forget(roomId: string): void {
    unsent.delete(roomId)
  }

  function reset(): void {
    clearTimeout(timer)
    timer = undefined
    unsent.clear()
  }

  return { mark, pending, known, flush, forget, reset }
}
