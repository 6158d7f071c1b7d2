import { mount, type ComponentMountingOptions } from '@vue/test-utils'
import { createPinia } from 'pinia'
import type { Component } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import en from '@/locales/en.json'

/** Mounts a component in English with a router and stores of its own, attached to the document so that focus works. */
export function mountIn<T extends Component>(component: T, options: ComponentMountingOptions<T> = {}) {
  const nowhere = { render: () => null }
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', name: 'home', component: nowhere },
      { path: '/rooms', name: 'browse', component: nowhere },
      { path: '/rooms/:roomId', name: 'room', component: nowhere },
      { path: '/settings', name: 'settings', component: nowhere },
    ],
  })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  return mount(component, {
    attachTo: document.body,
    ...options,
    global: { ...options.global, plugins: [i18n, createPinia(), router, ...(options.global?.plugins ?? [])] },
  })
}
