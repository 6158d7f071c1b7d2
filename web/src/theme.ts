import type { Theme } from './stores/settings'

/** Shows the app, and the bars of the system around it, in a theme. */
export function showTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  const metas = [...document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')]
  for (const meta of metas) {
    const scheme = (theme === 'system' ? /dark/.test(meta.media) : theme === 'dark') ? 'dark' : 'light'
    meta.content = colours[scheme]
  }
}

/** --surface of styles/tokens.css, which a meta element cannot refer to. */
const colours = { light: '#f6f5f1', dark: '#1e2022' }
