import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { locales } from './scripts/locales.ts'
import { serviceWorker } from './scripts/serviceWorker.ts'

// The server that `npm run dev` shows. It takes only requests of its own origin, so the proxy speaks in its name.
const parley = process.env.PARLEY_URL ?? 'http://127.0.0.1:8080'
const proxied = { target: parley, changeOrigin: true, headers: { Origin: new URL(parley).origin } }

export default defineConfig({
  plugins: [
    vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === 'emoji-picker' } } }),
    tailwindcss(),
    locales(),
    serviceWorker(),
  ],
  resolve: {
    alias: {
      '@': fileURLToPath(new URL('./src', import.meta.url)),
      // Its runtime alone: scripts/locales.ts has compiled the messages.
      'vue-i18n': 'vue-i18n/dist/vue-i18n.runtime.esm-bundler.js',
    },
  },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: true,
  },
  build: {
    target: 'es2022',
    manifest: true,
    // Inlined assets would need data: in every directive of the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // Few files rather than many tiny ones: they compress better, and what is not ours changes seldom.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /\/node_modules\/(@?vue|vue-router|pinia|vue-i18n|@intlify)\// },
            { name: 'icons', test: /\/node_modules\/@lucide\//, minShareCount: 2 },
            { name: 'shared', test: /\/src\/(components\/ui|stores|timeline|api)\//, minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': proxied,
      '/files': proxied,
      '/healthz': proxied,
      '/ws': { ...proxied, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
    testTimeout: 30_000,
    // Tests of several tabs load it once for each, so that each has its own active store.
    server: { deps: { inline: ['pinia'] } },
  },
})
