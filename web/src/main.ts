import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import App from './App.vue'
import { browserLocale, makeI18n, setLocale } from './i18n'
import { followNotifications, followReleases, followSession, makeRouter } from './router'
import { makeServices, provideServices } from './services'
import { useLifecycle } from './stores/lifecycle'
import { useSettings } from './stores/settings'
import { useUpdates } from './stores/updates'
import { showTheme } from './theme'
import './styles/main.css'

async function start(): Promise<void> {
  const i18n = makeI18n()
  const app = createApp(App).use(createPinia()).use(i18n)
  const services = makeServices()
  provideServices(app, services)
  app.runWithContext(useLifecycle)
  const settings = useSettings()
  const locale = () => settings.locale ?? browserLocale()
  watch(locale, (wanted) => setLocale(i18n, wanted))
  watch(() => settings.theme, showTheme, { immediate: true })
  const router = makeRouter()
  followSession(router)
  followReleases(router)
  followNotifications(router, services.worker)
  app.use(router)
  // The words and the first page load side by side; a page that cannot be loaded leaves the app there to say so.
  await Promise.allSettled([setLocale(i18n, locale()), router.isReady()])
  app.mount('#app')
  // What keeps the app for later must not hold up its first paint.
  const updates = useUpdates()
  if (document.readyState === 'complete') void updates.start()
  else window.addEventListener('load', () => void updates.start(), { once: true })
}

void start()
