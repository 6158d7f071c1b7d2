/** A person who can be mentioned. */
export interface Candidate {
  userId: string
  username: string
  displayName: string
  avatarUrl?: string | undefined
}

/** The word before the caret that asks for suggestions, and where it begins. */
export interface Trigger {
  kind: 'person' | 'emoji'
  query: string
  start: number
}

/** Finds `@na` or `:smi` right before the caret; a colon needs two letters, so that `at 5:3` asks for nothing. */
export function findTrigger(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret)
  const person = /(?:^|[\s(])@([\p{L}\p{N}._-]{0,32})$/u.exec(before)
  if (person) return { kind: 'person', query: person[1]!, start: caret - person[1]!.length - 1 }
  const emoji = /(?:^|[\s(]):([\p{L}_+-][\p{L}\p{N}_+-]{1,30})$/u.exec(before)
  if (emoji) return { kind: 'emoji', query: emoji[1]!, start: caret - emoji[1]!.length - 1 }
  return null
}

/** The people whose user name or any word of whose name begins with the query, best first. */
export function matchPeople(people: readonly Candidate[], query: string, limit = 6): Candidate[] {
  const wanted = fold(query)
  const rank = (person: Candidate): number => {
    if (fold(person.username).startsWith(wanted)) return 0
    return fold(person.displayName).split(/\s+/u).some((word) => word.startsWith(wanted)) ? 1 : 2
  }
  return people
    .map((person) => ({ person, rank: rank(person) }))
    .filter((found) => found.rank < 2)
    .sort((a, b) => a.rank - b.rank || a.person.displayName.localeCompare(b.person.displayName))
    .slice(0, limit)
    .map((found) => found.person)
}

/** Puts what was chosen in the place of the trigger word; answers text and caret. */
export function applyCompletion(text: string, caret: number, trigger: Trigger, chosen: string): { text: string; caret: number } {
  const put = `${chosen} `
  const rest = text.slice(caret).replace(/^ /, '')
  return { text: text.slice(0, trigger.start) + put + rest, caret: trigger.start + put.length }
}

/** Lower case without accents, for comparing what people type. */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}
