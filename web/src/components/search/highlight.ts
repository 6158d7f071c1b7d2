import { searchKey } from './searchKey'

/** A part of a text, and whether it is what was searched for. */
export interface Part {
  text: string
  hit: boolean
}

/** How many characters stand before the first hit of an excerpt. */
const lead = 40

/** What people see as one character: what is found in a part of one marks all of it. */
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Cuts a text at the places where one of the words (in the form of `searchKey`) occurs. */
export function highlight(text: string, words: readonly string[]): Part[] {
  const { pieces, hits } = mark(text, words)
  return join(pieces, hits)
}

/** The part of a text around the first place where one of the words occurs, at most `limit` characters; null if none does. */
export function excerpt(text: string, words: readonly string[], limit: number): Part[] | null {
  const { pieces, hits } = mark(text, words)
  const first = hits.indexOf(true)
  if (first < 0) return null
  const from = pieces.length <= limit || first <= lead ? 0 : start(pieces, Math.min(first - lead, pieces.length - limit), first)
  const parts = join(pieces.slice(from, from + limit), hits.slice(from, from + limit))
  if (from > 0) parts.unshift({ text: '…', hit: false })
  if (from + limit < pieces.length) parts.push({ text: '…', hit: false })
  return parts
}

/** Rather the beginning of a word, if there is one on the way to the hit. */
function start(pieces: readonly string[], from: number, hit: number): number {
  const space = pieces.slice(from, hit).findIndex((piece) => /^\s/.test(piece))
  return space < 0 ? from : from + space + 1
}

/** The characters of a text, and which of them belong to a hit. */
function mark(text: string, words: readonly string[]): { pieces: string[]; hits: boolean[] } {
  const pieces: string[] = []
  /** The folded text, and for each of its code units the character it came from. */
  let folded = ''
  const origin: number[] = []
  for (const { segment } of characters.segment(text)) {
    let key = searchKey(segment)
    if (key === ' ' && folded.endsWith(' ')) key = ''
    for (let i = 0; i < key.length; i++) origin.push(pieces.length)
    folded += key
    pieces.push(segment)
  }
  const hits = pieces.map(() => false)
  for (const word of words.filter(Boolean)) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
      hits.fill(true, origin[at], origin[at + word.length - 1]! + 1)
    }
  }
  return { pieces, hits }
}

function join(pieces: readonly string[], hits: readonly boolean[]): Part[] {
  const parts: Part[] = []
  pieces.forEach((text, i) => {
    const last = parts.at(-1)
    if (last && last.hit === hits[i]) last.text += text
    else parts.push({ text, hit: hits[i]! })
  })
  return parts
}
