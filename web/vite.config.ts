import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { serviceWorker } from './scripts/serviceWorker'

// The server that `npm run dev` shows. It takes only requests of its own origin, so the proxy speaks in its name.
const parley = process.env.PARLEY_URL ?? 'http://127.0.0.1:8080'
const proxied = { target: parley, changeOrigin: true, headers: { Origin: new URL(parley).origin } }

export default defineConfig({
  plugins: [
    vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === 'emoji-picker' } } }),
    tailwindcss(),
    serviceWorker(),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2022',
    manifest: true,
    // Inlined assets would need data: in every directive of the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
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
