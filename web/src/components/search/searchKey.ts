/** What the server takes of a query. */
export const maxWords = 8
export const maxQuery = 200

/**
 * The form in which texts are compared, as the server does: compatibility forms become plain, case is folded fully,
 * accents and what cannot be seen go, white space becomes single spaces; the marks of other scripts stay.
 */
export function searchKey(text: string): string {
  const folded = strip(text.normalize('NFKD')).toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
  return strip(folded.normalize('NFKD')).normalize('NFC').replace(/\s+/g, ' ')
}

function strip(text: string): string {
  return text.replace(/[\u0300-\u036f\p{Cf}\p{Variation_Selector}]/gu, '').replaceAll('ı', 'i')
}

/** The words of a query in that form, each once: what stands in "quotes" is one, also in those that phones make of them. */
export function wordsOf(query: string): string[] {
  const parts = [...query.replace(/[“”„]/g, '"').matchAll(/"([^"]*)"?|[^\s"]+/g)].map(([whole, quoted]) => searchKey(quoted ?? whole).trim())
  return [...new Set(parts.filter(Boolean))]
}
