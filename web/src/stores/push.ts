import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { subscribe } from '../api/subscribe'
import { browserLocale } from '../i18n'
import type { PushDevice, PushResult } from '../protocol/types'
import { useServices } from '../services'
import type { NoticeData } from '../worker/messages'
import { useRooms } from './rooms'
import { useSession } from './session'
import { useSettings } from './settings'

/** Who wants to be told on this device, and what the device is called. */
const wantedKey = 'parley.push'

/**
 * `unsupported`: this browser cannot. `off`: one has not asked for it. `denied`: forbidden in the browser's settings.
 * `on`: subscribed. `failed`: wanted, but the subscription did not come about.
 */
export type PushState = 'unsupported' | 'off' | 'denied' | 'on' | 'failed'

/** Notifications on this device while no tab is open, by Web Push. Actions reject with ApiError. */
export const usePush = defineStore('push', () => {
  const { routes, worker } = useServices()
  const session = useSession()
  const settings = useSettings()
  const rooms = useRooms()
  const state = ref<PushState>('off')
  /** False where the server does not push: then there is nothing to offer. */
  const offered = computed(() => session.server?.features?.push ?? false)

  const supported = (): boolean => worker !== undefined && 'Notification' in window && 'PushManager' in window

  /** Goes on where the last visit left off: asks nobody, and tells the server what it may have lost. */
  async function start(): Promise<void> {
    if (!supported()) state.value = 'unsupported'
    else if (Notification.permission === 'denied') state.value = 'denied'
    else if (Notification.permission === 'granted') {
      const [userId, device] = JSON.parse(localStorage.getItem(wantedKey) ?? '[]') as string[]
      if (userId === session.userId) await renew(device ?? '')
    }
  }

  /** Asks for permission and subscribes, only on a click; `device` is how its person will know it. */
  async function enable(device: string): Promise<void> {
    if (await Notification.requestPermission() !== 'granted') {
      state.value = Notification.permission === 'denied' ? 'denied' : 'off'
      return
    }
    localStorage.setItem(wantedKey, JSON.stringify([session.userId, device]))
    await renew(device)
  }

  async function renew(device: string): Promise<void> {
    try {
      const { pushManager } = await worker!.ready
      await subscribe(pushManager, routes, device, settings.locale ?? browserLocale())
      state.value = 'on'
    } catch {
      // Without a push service or without the server; the next start tries again.
      state.value = 'failed'
    }
  }

  /** No notifications on this device any more. */
  async function disable(): Promise<void> {
    const endpoint = await unsubscribe()
    if (endpoint) await routes.dropSubscription(endpoint)
  }

  /** Ends what this browser holds; the server ends its part with the session. */
  async function unsubscribe(): Promise<string | undefined> {
    localStorage.removeItem(wantedKey)
    if (state.value !== 'unsupported') state.value = 'off'
    const registration = await worker?.getRegistration()
    for (const notification of await registration?.getNotifications() ?? []) notification.close()
    const subscription = await registration?.pushManager?.getSubscription()
    await subscription?.unsubscribe()
    return subscription?.endpoint
  }

  /** Takes away what is told of messages that are read, here or on another device. */
  async function tidy(): Promise<void> {
    if (!supported() || Notification.permission !== 'granted') return
    const registration = await worker?.getRegistration()
    for (const notification of await registration?.getNotifications() ?? []) {
      const room = rooms.get(notification.tag)
      // A browser that shows them by itself keeps no number.
      const { seq } = (notification.data ?? {}) as Partial<NoticeData>
      if (room && (seq === undefined ? room.unread === 0 : seq <= room.membership.readSeq)) notification.close()
    }
  }

  const devices = async (): Promise<PushDevice[]> => (await routes.subscriptions()).subscriptions
  /** Sends a notification to each device and tells what became of it. */
  const test = async (): Promise<PushResult[]> => (await routes.testPush()).results

  return { state, offered, start, enable, disable, unsubscribe, tidy, devices, test }
})
