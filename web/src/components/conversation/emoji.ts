import Database from 'emoji-picker-element/database.js'
import german from 'emoji-picker-element-data/de/cldr-native/data.json?url'
import english from 'emoji-picker-element-data/en/emojibase/data.json?url'

/** One emoji with its name in the language of the data. */
export interface Emoji {
  unicode: string
  name: string
  shortcode: string
}

/** The groups of the data, in its order; 2 (parts of emoji) is not for people. */
export const groups = [
  { id: 0, name: 'smileys', sign: '😀' },
  { id: 1, name: 'people', sign: '👋' },
  { id: 3, name: 'animals', sign: '🐱' },
  { id: 4, name: 'food', sign: '🍎' },
  { id: 5, name: 'travel', sign: '🏠️' },
  { id: 6, name: 'activities', sign: '⚽' },
  { id: 7, name: 'objects', sign: '📝' },
  { id: 8, name: 'symbols', sign: '⛔️' },
  { id: 9, name: 'flags', sign: '🏁' },
] as const

type Found = Awaited<ReturnType<Database['getEmojiBySearchQuery' | 'getEmojiByGroup' | 'getTopFavoriteEmoji']>>[number]

function toEmoji(found: Found): Emoji[] {
  if (!('unicode' in found)) return []
  return [{ unicode: found.unicode, name: found.annotation, shortcode: found.shortcodes?.[0] ?? found.annotation }]
}

/** Opens the emoji data of a language; the browser keeps it in IndexedDB after the first time. */
export function openEmoji(locale: string) {
  const database = new Database({ locale, dataSource: locale === 'de' ? german : english })

  return {
    group: async (id: number): Promise<Emoji[]> => (await database.getEmojiByGroup(id)).flatMap((each) => toEmoji(each)),
    /** Those that the word begins before those that only have to do with it. */
    search: async (query: string): Promise<Emoji[]> => {
      const begins = (each: Emoji) => Number([each.name, each.shortcode].some((name) => name.toLowerCase().startsWith(query.toLowerCase())))
      return (await database.getEmojiBySearchQuery(query)).flatMap((each) => toEmoji(each)).sort((a, b) => begins(b) - begins(a))
    },
    recent: async (limit: number): Promise<Emoji[]> => (await database.getTopFavoriteEmoji(limit)).flatMap((each) => toEmoji(each)),
    /** Remembers that it was used, for `recent`. */
    used: (unicode: string): Promise<void> => database.incrementFavoriteEmojiCount(unicode),
    close: (): Promise<void> => database.close(),
  }
}

export type EmojiData = ReturnType<typeof openEmoji>
