import { defineConfig } from '@playwright/test'
import { use } from './playwright.config'

/** `npm run screenshots`: draws the pictures of the README anew. */
export default defineConfig({
  testDir: '.',
  testMatch: 'screenshots.ts',
  outputDir: '../test-results',
  workers: 1,
  timeout: 120_000,
  reporter: 'list',
  use,
})
