const key = 'parley.place'

/** Where one reads: the log number of the topmost message, and how many pixels below the top it stands. */
interface Place {
  seq: number
  top: number
}

/** Remembers across a reload where one reads; a `seq` of null is the end. */
export function leavePlace(roomId: string, seq: number | null, top: number): void {
  try {
    if (seq === null) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify({ roomId, seq, top }))
  } catch { /* A browser that keeps nothing opens the room at its end. */ }
}

/** Where one read when this page was left, if it was in this room. It is told once: to the first room that opens. */
export function takePlace(roomId: string): Place | undefined {
  try {
    const place = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Place & { roomId: string } | null
    sessionStorage.removeItem(key)
    return place?.roomId === roomId ? place : undefined
  } catch {
    return undefined
  }
}
