/** A hue (degrees) that stays with an id, spread over eighteen steps so that neighbours differ. */
export function hueOf(id: string): number {
  let hash = 2166136261
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619)
  return ((hash >>> 0) % 18) * 20
}

/** One or two letters for a name: the first of the first and of the last word. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/[\s._-]+/u).filter(Boolean)
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined]
  return letters
    .map((word) => (word ? ([...word][0] ?? '') : ''))
    .join('')
    .toLocaleUpperCase()
}
