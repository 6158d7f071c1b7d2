/** True where the command key, not control, is the one for shortcuts. */
export function isApple(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.platform)
}

/** True for Ctrl-`key`, or ⌘-`key` on Apple's systems. */
export function isShortcut(event: KeyboardEvent, key: string): boolean {
  return (isApple() ? event.metaKey : event.ctrlKey) && !event.altKey && event.key.toLowerCase() === key
}

/** What Ctrl-Enter or ⌘-Enter is called here. */
export function sendKeys(): string {
  return isApple() ? '⌘↵' : 'Ctrl+Enter'
}
