import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect, type Page } from '@playwright/test'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * Asserts that axe, with all its rules, finds nothing wrong with what the page shows now. An open menu stands outside of
 * the landmarks, as menus do (one reaches it from its button alone), so that `region` is not asked while one is open.
 */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== 'running' || animation.effect?.getTiming().iterations === Infinity))
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(source)
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<AxeResults> } }
    const menu = document.querySelector('[role=menu]') !== null
    const results = await axe.run({ resultTypes: ['violations'], rules: { region: { enabled: !menu } } })
    return results.violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`))
  })
  expect.soft(violations, `axe on ${what}`).toEqual([])
}
