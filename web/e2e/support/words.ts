import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'

type Catalogue = { [key: string]: string | Catalogue }

/**
 * The fixed phrases of a language's catalogue that are longer than `words` words: each message is split at its plural
 * bars and its placeholders.
 */
export function wordsOf(locale: 'en' | 'de', words: number): string[] {
  const all: string[] = []
  const collect = (part: Catalogue) => Object.values(part).forEach((value) => {
    if (typeof value !== 'string') return collect(value)
    all.push(...value.split(/\s\|\s|\{[^}]*\}/).map((phrase) => phrase.trim()).filter((phrase) => phrase.split(/\s+/).length > words))
  })
  collect(JSON.parse(readFileSync(new URL(`../../src/locales/${locale}.json`, import.meta.url), 'utf8')) as Catalogue)
  return all
}

/** Every word that a page gives to eyes and to screen readers. */
export function visibleText(page: Page): Promise<string> {
  return page.evaluate(() => {
    const named = [...document.querySelectorAll('[aria-label], [title], [placeholder], [aria-description]')]
    const names = named.flatMap((element) => ['aria-label', 'title', 'placeholder', 'aria-description'].map((name) => element.getAttribute(name) ?? ''))
    return [document.title, document.body.innerText, ...names].join('\n')
  })
}
