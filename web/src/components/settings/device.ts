/** What a user agent calls itself, as people know it; empty where it says nothing known. */
export function deviceOf(userAgent: string): { browser: string; system: string; mobile: boolean } {
  const first = (pairs: readonly (readonly [RegExp, string])[]) => pairs.find(([sign]) => sign.test(userAgent))?.[1] ?? ''
  return {
    browser: first([
      [/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/(Chrome|CriOS)\//, 'Chrome'], [/Safari\//, 'Safari'], [/^parley/i, 'parley chat'],
    ]),
    system: first([
      [/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux'],
    ]),
    mobile: /Mobi|Android|iPhone/.test(userAgent),
  }
}
