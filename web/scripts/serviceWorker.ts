import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'vite'

/** What the worker keeps: emoji data are left out, they come when they are first used. */
const kept = /\.(html|js|css|svg|png|webmanifest)$/

/** Builds the service worker after the app, and tells it of what files the app consists. */
export function serviceWorker(): Plugin {
  let root = ''
  let outDir = ''
  return {
    name: 'service-worker',
    apply: 'build',
    configResolved(config) {
      root = config.root
      outDir = join(config.root, config.build.outDir)
    },
    closeBundle: {
      sequential: true,
      async handler(error) {
        if (error) return
        await build({
          configFile: false,
          root,
          publicDir: false,
          logLevel: 'warn',
          define: { 'self.__WB_MANIFEST': JSON.stringify(filesOf(outDir)), 'process.env.NODE_ENV': '"production"' },
          build: {
            outDir,
            emptyOutDir: false,
            target: 'es2022',
            rollupOptions: { input: join(root, 'src/worker/sw.ts'), output: { format: 'iife', entryFileNames: 'sw.js' } },
          },
        })
      },
    },
  }
}

/** The files of the app, each with what tells its version where its name does not. */
function filesOf(outDir: string): { url: string; revision: string | null }[] {
  const names = readdirSync(outDir, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'))
  return names.filter((name) => kept.test(name)).sort().map((name) => ({
    url: `/${name}`,
    revision: name.startsWith('assets/') ? null : createHash('sha256').update(readFileSync(join(outDir, name))).digest('hex').slice(0, 16),
  }))
}
