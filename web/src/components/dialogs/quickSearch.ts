import { fold } from '@/components/conversation/completion'

/** Something the switcher can find, with every text it can be found by. */
export interface Findable {
  texts: readonly string[]
}

/**
 * The entries that hold every word of the query, best first: a whole text that begins with it, then a word that
 * does, then a place inside. Equal ones keep their order, so the caller's order (what needs me first) shows through.
 */
export function quickSearch<T extends Findable>(entries: readonly T[], query: string, limit: number): T[] {
  const wanted = fold(query.trim())
  if (!wanted) return entries.slice(0, limit)
  const words = wanted.split(/\s+/)
  return entries
    .map((entry) => ({ entry, rank: Math.min(...entry.texts.map((text) => rank(fold(text), wanted, words))) }))
    .filter((found) => found.rank < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map((found) => found.entry)
}

function rank(text: string, query: string, words: readonly string[]): number {
  if (text.startsWith(query)) return 0
  const parts = text.split(/[\s._#@-]+/)
  if (words.every((word) => parts.some((part) => part.startsWith(word)))) return 1
  return words.every((word) => text.includes(word)) ? 2 : Infinity
}
