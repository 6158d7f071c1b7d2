import { onScopeDispose } from 'vue'

/** Does the last thing asked for once nothing was asked for `ms` milliseconds: for what the server is asked as one types. */
export function useDelayed<T extends unknown[]>(work: (...input: T) => unknown, ms = 150): (...input: T) => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => clearTimeout(timer))
  return (...input) => {
    clearTimeout(timer)
    timer = setTimeout(() => void work(...input), ms)
  }
}
