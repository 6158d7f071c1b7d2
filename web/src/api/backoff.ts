const first = 500
const cap = 15_000

/**
 * How many milliseconds to wait before the next attempt after `failures` failures in a row (at least 1):
 * full jitter under an exponentially growing bound, never less than half a second.
 */
export function backoff(failures: number, random: () => number = Math.random): number {
  const bound = Math.min(cap, first * 2 ** Math.min(failures, 16))
  return first + random() * (bound - first)
}
