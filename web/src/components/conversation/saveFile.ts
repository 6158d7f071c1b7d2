/** Lets the browser save what a link leads to under a name. */
export function saveFile(url: string, name: string): void {
  const anchor = Object.assign(document.createElement('a'), { href: url, download: name, rel: 'noopener' })
  document.body.append(anchor)
  anchor.click()
  anchor.remove()
}
