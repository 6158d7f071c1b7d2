import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import de from './de.json'
import germanText from './de.json?raw'
import en from './en.json'
import englishText from './en.json?raw'

type Messages = { [key: string]: string | Messages }

/** Every message by its full key. */
function flatten(messages: Messages, prefix = ''): Map<string, string> {
  return new Map(Object.entries(messages).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value] as const] : [...flatten(value, `${prefix}${key}.`)]))
}

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort()
const forms = (text: string) => text.split(' | ').length

const english = flatten(JSON.parse(englishText) as Messages)
const german = flatten(JSON.parse(germanText) as Messages)

describe('locales', () => {
  it('have the same keys', () => {
    expect([...german.keys()]).toEqual([...english.keys()])
  })

  it.each([...english.keys()])('%s has the same placeholders and plural forms in both', (key) => {
    const [a, b] = [english.get(key)!, german.get(key)!]
    expect(placeholders(b)).toEqual(placeholders(a))
    expect(forms(b)).toBe(forms(a))
    expect(a.trim()).not.toBe('')
    expect(b.trim()).not.toBe('')
  })

  it.each(['en', 'de'] as const)('are compiled in %s, plurals included', (locale) => {
    const i18n = createI18n({ legacy: false, locale, messages: { en, de }, missingWarn: true })
    for (const [key, text] of english) {
      const values = Object.fromEntries(placeholders(text).map((name) => [name.slice(1, -1), 7]))
      const shown = i18n.global.t(key, values, 7)
      expect(shown, key).not.toMatch(/[{}|]/)
      expect(shown, key).not.toBe(key)
    }
    expect(i18n.global.t('nav.unread', { count: 1 }, 1)).toBe(locale === 'en' ? '1 unread message' : '1 ungelesene Nachricht')
    expect(i18n.global.t('connection.waiting', { count: 2 }, 2)).toBe(locale === 'en' ? '2 messages waiting' : '2 Nachrichten warten')
  })
})
