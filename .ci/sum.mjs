// Sums what `go test -json`, Vitest, Playwright and OpenTofu counted, and closes with one line in plain words.
// The race run repeats the Go tests, so that it counts only when it fails.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const dir = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }

function report(name, counts) {
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  for (const key of Object.keys(total)) total[key] += counts[key]
}

function goCounts(text) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const kinds = { pass: 'passed', fail: 'failed', skip: 'skipped' }
  for (const line of text.split('\n')) {
    if (line === '') continue
    const event = JSON.parse(line)
    if (event.Action === 'build-fail') counts.failed++
    else if (event.Test && kinds[event.Action]) counts[kinds[event.Action]]++
  }
  return counts
}

const readers = {
  'go.json': (text) => report('go', goCounts(text)),
  'race.json': (text) => report('race', { passed: 0, skipped: 0, failed: goCounts(text).failed }),
  'vitest.json': (text) => {
    const r = JSON.parse(text)
    report('vitest', { passed: r.numPassedTests, failed: r.numFailedTests, skipped: r.numPendingTests + r.numTodoTests })
  },
  'playwright.json': (text) => {
    const { stats } = JSON.parse(text)
    if (stats.flaky > 0) console.log(`playwright: ${stats.flaky} passed only when told again`)
    report('playwright', { passed: stats.expected + stats.flaky, failed: stats.unexpected, skipped: stats.skipped })
  },
  'terraform.txt': (text) => {
    const [passed, failed, skipped] = text.match(/\d+/g).map(Number)
    report('terraform', { passed, failed, skipped })
  },
}
const optional = ['terraform.txt'] // needs a program that is not everywhere; what ran it says so

for (const [name, read] of Object.entries(readers)) {
  const path = join(dir, name)
  if (existsSync(path)) read(readFileSync(path, 'utf8'))
  else if (!optional.includes(name)) report(`${name} is missing`, { passed: 0, failed: 1, skipped: 0 })
}

console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
