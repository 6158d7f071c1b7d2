import { createI18n } from 'vue-i18n'
import type { Locale } from './stores/settings'

export const locales: readonly Locale[] = ['en', 'de']

/** The locale a browser asks for, of those there are. */
export function browserLocale(languages: readonly string[] = navigator.languages): Locale {
  for (const language of languages) {
    const found = locales.find((l) => language.toLowerCase().split('-')[0] === l)
    if (found) return found
  }
  return 'en'
}

/** Makes vue-i18n without messages; `useLocale` (or main) loads those of the locale in use. */
export function makeI18n() {
  return createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', messages: {}, missingWarn: import.meta.env.DEV, fallbackWarn: false })
}

export type I18n = ReturnType<typeof makeI18n>

/** Loads the messages of a locale and switches to it, document language included. */
export async function setLocale(i18n: I18n, locale: Locale): Promise<void> {
  if (!i18n.global.availableLocales.includes(locale)) {
    const messages = locale === 'de' ? await import('./locales/de.json') : await import('./locales/en.json')
    i18n.global.setLocaleMessage(locale, messages.default)
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  // The name and the shortcuts of the app, should it be installed now.
  document.querySelector('link[rel=manifest]')?.setAttribute('href', `/app.${locale}.webmanifest`)
}
