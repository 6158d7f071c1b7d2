// Fails when the JavaScript that a first visit to a room must load exceeds the budget: the entry, the log-in and the pages
// on the way, one language, and all that they import statically. What loads on first use (emoji, Markdown, settings) is left out.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const budget = 172 * 1024
const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))

const seen = new Set()
function follow(key) {
  if (seen.has(key)) return
  seen.add(key)
  for (const next of manifest[key].imports ?? []) follow(next)
}
for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) follow(key)
for (const key of ['src/pages/LoginPage.vue', 'src/pages/ChatPage.vue', 'src/pages/RoomPage.vue', 'src/locales/de.json']) follow(key)

let total = 0
for (const key of seen) {
  const { file } = manifest[key]
  const size = gzipSync(readFileSync(new URL(file, dist))).length
  total += size
  console.log(`${(size / 1024).toFixed(1).padStart(8)} KB  ${file}`)
}
console.log(`${(total / 1024).toFixed(1).padStart(8)} KB  first load, gzip, of ${budget / 1024} KB`)
if (seen.size === 0 || total > budget) {
  console.error('The first load is over its budget.')
  process.exit(1)
}
