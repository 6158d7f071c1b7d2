import { defineStore } from 'pinia'
import { reactive, toRefs, watch } from 'vue'

export type Theme = 'system' | 'light' | 'dark'
export type Locale = 'en' | 'de'
export type RoomOrder = 'recency' | 'name'

export interface Settings {
  theme: Theme
  /** Null: by the browser's language. */
  locale: Locale | null
  /** How rooms are ordered below those that need one. */
  roomOrder: RoomOrder
  /** True: Enter sends and Shift-Enter breaks the line; false: the other way round (Ctrl-Enter sends). */
  enterSends: boolean
  /** How often one reacted with which emoji, for the few that are at hand. */
  reactedWith: Record<string, number>
}

const key = 'parley.settings'
const defaults: Settings = { theme: 'system', locale: null, roomOrder: 'recency', enterSends: true, reactedWith: {} }

/** What this person prefers in this browser; assign to change. */
export const useSettings = defineStore('settings', () => {
  const settings = reactive<Settings>({ ...defaults, ...load() })
  watch(settings, (value) => localStorage.setItem(key, JSON.stringify(value)))

  return toRefs(settings)
})

function load(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Settings>
  } catch {
    return {}
  }
}
