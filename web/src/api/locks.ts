/** Runs `work` while no other tab (or caller) holds the lock of this name. */
export type WithLock = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Locks shared by all tabs, or by this one alone where the browser has none (plain http on another host). */
export function makeLocks(manager: LockManager | undefined = navigator.locks): WithLock {
  if (manager) return (name, work) => manager.request(name, work)
  const queues = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const turn = (queues.get(name) ?? Promise.resolve()).then(work, work)
    queues.set(name, turn)
    return turn
  }
}
