import { describe, expect, it } from 'vitest'
import { excerpt, highlight, type Part } from './highlight'
import { searchKey, wordsOf } from './searchKey'

/** Hits in brackets. */
const shown = (parts: Part[] | null) => (parts ?? []).map(({ text, hit }) => (hit ? `[${text}]` : text)).join('')
const marked = (text: string, query: string) => shown(highlight(text, wordsOf(query)))

describe('searchKey', () => {
  // The same cases as the server's.
  it.each([
    ['Hello  World\n\tAgain', 'hello world again'], ['Straße STRASSE Maß', 'strasse strasse mass'], ['Über Uber U\u0308ber', 'uber uber uber'],
    ['İstanbul ISTANBUL ıstanbul', 'istanbul istanbul istanbul'], ['ΟΔΥΣΣΕΥΣ Οδυσσεύς', 'οδυσσευσ οδυσσευσ'], ['Ёлка', 'елка'],
    ['か が ｶﾞ か\u3099', 'か が ガ が'], ['東京都　渋谷区', '東京都 渋谷区'], ['Ｆｕｌｌ　１２３', 'full 123'], ['हिन्दी में क\u093c', 'हिन्दी में क\u093c'],
    ['می\u200cخواهم', 'میخواهم'], ['❤\ufe0f', '❤'], ['ﬁne ½ ™', 'fine 1⁄2 tm'], ['co\u00adop', 'coop'], ['ẞ ŉ ǰ', 'ss ʼn j'],
  ])('of %s', (text, key) => expect(searchKey(text)).toBe(key))
})

describe('wordsOf', () => {
  it.each([
    ['  Peas  and peas ', ['peas', 'and']], ['"pick them" now', ['pick them', 'now']], ['"open end', ['open end']], ['"" " "', []], ['a"b c"d', ['a', 'b c', 'd']],
    ['„am Hafen“ “pick them” nicht', ['am hafen', 'pick them', 'nicht']],
  ])('%s', (query, words) => expect(wordsOf(query)).toEqual(words))
})

describe('highlight', () => {
  it.each([
    ['Die Straße ist lang', 'strasse', 'Die [Straße] ist lang'],
    ['Über U\u0308ber', 'uber', '[Über] [U\u0308ber]'],
    ['明日東京へ行きます', '東京', '明日[東京]へ行きます'],
    ['今天天气很好', '天气', '今天[天气]很好'],
    ['か が', 'か', '[か] が'],
    ['ABC ＡＢＣ', 'abc', '[ABC] [ＡＢＣ]'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσεύς', '[ΟΔΥΣΣΕΥΣ]'],
    ['Ёлка', 'елка', '[Ёлка]'],
    ['मैं हिन्दी बोलता हूँ', 'हिन्दी', 'मैं [हिन्दी] बोलता हूँ'],
    ['السلام عليكم', 'سلام', 'ال[سلام] عليكم'],
    ['ผมพูดภาษาไทย', 'ภาษา', 'ผมพูด[ภาษา]ไทย'],
    ['한국어', '한국', '[한국]어'],
    ['go 🚀!', '🚀', 'go [🚀]!'],
    ['family 👨\u200d👩\u200d👧', '👩', 'family [👨\u200d👩\u200d👧]'],
    ['a  b\n c', '"a b c"', '[a  b\n c]'],
    ['peas, more peas', 'pea more', '[pea]s, [more] [pea]s'],
    ['<b>x</b>', 'x', '<b>[x]</b>'],
    ['nothing', 'other', 'nothing'],
    ['a.c abc', 'a.c', '[a.c] abc'],
  ])('%s for %s', (text, query, result) => expect(marked(text, query)).toBe(result))

  it('loses nothing of the text', () => {
    const text = 'Ünï\u0301 cödé 👨\u200d👩\u200d👧 ß が\n\nend'
    expect(highlight(text, ['i', 'ss', ' ']).map((part) => part.text).join('')).toBe(text)
  })
})

describe('excerpt', () => {
  const long = `${'before '.repeat(60)}needle ${'after '.repeat(60)}`
  it('stands around the first hit and begins with a word', () => {
    const parts = excerpt(long, ['needle'], 120)!
    expect(shown(parts)).toMatch(/^…(before )+\[needle\] (after )+/)
    expect(shown(parts)).toMatch(/…$/)
    expect(parts.map((part) => part.text).join('').length).toBeLessThanOrEqual(122)
  })
  it('is the whole of a short text, and nothing without a hit', () => {
    expect(shown(excerpt('a needle', ['needle'], 120))).toBe('a [needle]')
    expect(excerpt(long, ['other'], 120)).toBeNull()
  })
  it('shows a hit at the end', () => expect(shown(excerpt(`${'x'.repeat(300)} needle`, ['needle'], 120))).toMatch(/\[needle\]$/))
})
