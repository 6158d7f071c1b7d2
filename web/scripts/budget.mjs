// Fails when the JavaScript that a first visit to a room must load exceeds the budget: the entry, the log-in and the pages
// on the way, one language, and all that they import statically (--all lists it). What loads on first use (emoji, Markdown, settings) is left out.
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
const lines = []
for (const key of seen) {
  const { file } = manifest[key]
  const size = gzipSync(readFileSync(new URL(file, dist))).length
  total += size
  lines.push(`${(size / 1024).toFixed(1).padStart(8)} KB  ${file}`)
}
const over = seen.size === 0 || total > budget
if (over || process.argv.includes('--all')) console.log(lines.join('\n'))
console.log(`first load: ${(total / 1024).toFixed(1)} KB gzip, of ${budget / 1024} KB`)
if (over) {
  console.error('The first load is over its budget.')
  process.exit(1)
}
