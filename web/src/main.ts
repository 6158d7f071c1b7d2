import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import App from './App.vue'
import { browserLocale, makeI18n, setLocale } from './i18n'
import { makeRouter } from './router'
import { useSettings } from './stores/settings'
import './styles/main.css'

async function start(): Promise<void> {
  const i18n = makeI18n()
  const app = createApp(App).use(createPinia()).use(i18n)
  const settings = useSettings()
  const locale = () => settings.locale ?? browserLocale()
  await setLocale(i18n, locale())
  watch(locale, (wanted) => setLocale(i18n, wanted))
  watch(() => settings.theme, (theme) => { document.documentElement.dataset.theme = theme }, { immediate: true })
  app.use(makeRouter()).mount('#app')
}

void start()
