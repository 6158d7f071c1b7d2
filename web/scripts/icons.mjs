// Draws the icons of the installed app into public/icons from the shapes of favicon.svg; run it when those change:
// `node scripts/icons.mjs`. What it draws is committed, so that a build needs no browser.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chromium } from '@playwright/test'

const source = readFileSync(new URL('../public/favicon.svg', import.meta.url), 'utf8')
const shapes = source.replace(/^<svg[^>]*>|<\/svg>\s*$/g, '')
const out = new URL('../public/icons/', import.meta.url)
const colours = { '#0e6a5b': '#ffffff', '#9fd8ca': '#5fb3a1', '#fff': '#0e6a5b' }
const onGreen = shapes.replace(/#0e6a5b|#9fd8ca|#fff/g, (found) => colours[found])

/** The drawing in the middle of a square, `part` of it wide, over a background. */
const square = (drawing, part, background) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" fill="${background}"/>
  <g transform="translate(${16 - 16 * part} ${16 - 16 * part}) scale(${part})">${drawing}</g></svg>`

/** One colour, the dots cut out: what a status bar shows. */
const badge = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><mask id="m"><rect width="32" height="32" fill="#fff"/>
  <g fill="#000"><circle cx="10" cy="15.500" r="2"/><circle cx="16" cy="15.500" r="2"/><circle cx="22" cy="15.500" r="2"/></g></mask>
  <path mask="url(#m)" fill="#fff" d="M8 5h16a5 5 0 0 1 5 5v11a5 5 0 0 1-5 5h-7l-7 4.600a.8.8 0 0 1-1.300-.6V26H8a5 5 0 0 1-5-5V10a5 5 0 0 1 5-5Z"/></svg>`

const icons = {
  'app-192': [192, square(shapes, 0.94, 'none')],
  'app-512': [512, square(shapes, 0.94, 'none')],
  'maskable-192': [192, square(onGreen, 0.56, '#0e6a5b')],
  'maskable-512': [512, square(onGreen, 0.56, '#0e6a5b')],
  'apple-touch-180': [180, square(onGreen, 0.66, '#0e6a5b')],
  'badge-96': [96, badge],
}

mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
for (const [name, [size, svg]] of Object.entries(icons)) {
  const page = await browser.newPage({ viewport: { width: size, height: size } })
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`)
  writeFileSync(new URL(`${name}.png`, out), await page.screenshot({ omitBackground: true }))
  await page.close()
}
await browser.close()
