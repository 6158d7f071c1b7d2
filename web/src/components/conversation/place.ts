const key = 'parley.place'

/** Remembers across a reload where one reads: the log number of the topmost message, null at the end. */
export function leavePlace(roomId: string, seq: number | null): void {
  try {
    if (seq === null) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify({ roomId, seq }))
  } catch { /* A browser that keeps nothing opens the room at its end. */ }
}

/** Where one read when this page was left, if it was in this room. It is told once: to the first room that opens. */
export function takePlace(roomId: string): number | undefined {
  try {
    const place = JSON.parse(sessionStorage.getItem(key) ?? 'null') as { roomId: string; seq: number } | null
    sessionStorage.removeItem(key)
    return place?.roomId === roomId ? place.seq : undefined
  } catch {
    return undefined
  }
}
