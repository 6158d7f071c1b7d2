import { defineConfig, type PlaywrightTestConfig } from '@playwright/test'

/** The stories that are told on a phone as well. */
const onPhone = /(aws|first-run|conversation|direct|network|offline|accessibility|phone|reactions|files|mentions|links|data|push|search)\.spec\.ts/

/** Debian's Chromium, never one from the network. */
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** How every browser starts; shared with the screenshots. */
export const use: PlaywrightTestConfig['use'] = {
  browserName: 'chromium',
  locale: 'en-GB',
  timezoneId: 'Europe/Berlin',
  launchOptions: {
    executablePath: chromium,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  },
}

export const desktop = { viewport: { width: 1280, height: 800 } }
export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  fullyParallel: true,
  workers: 2,
  // In CI a story that fails is told once more, and counted as flaky in the closing lines: it may not pass unseen.
  retries: process.env.PLAYWRIGHT_JSON_OUTPUT_FILE ? 1 : 0,
  // Patience for a busy machine; on a free one a story takes seconds.
  timeout: 120_000,
  expect: { timeout: 15_000 },
  forbidOnly: !!process.env.CI,
  reporter: [['list'], ...(process.env.PLAYWRIGHT_JSON_OUTPUT_FILE ? [['json'] as const] : [])],
  // Snapshots of the page would fetch its blobs, which its security policy forbids.
  use: { ...use, trace: { mode: 'retain-on-failure', snapshots: false }, screenshot: 'only-on-failure' },
  projects: [
    { name: 'desktop', use: desktop, testIgnore: /phone\.spec\.ts/ },
    { name: 'phone', use: phone, testMatch: onPhone },
  ],
})
