import { ApiError } from './errors'
import type { Routes } from './routes'

/**
 * Subscribes this browser to pushes by the server's present key and tells the server. An old subscription goes if it was
 * made for another key. Rejects with ApiError, or with what the browser says against it.
 */
export async function subscribe(manager: PushManager, routes: Routes, device: string, language: string): Promise<void> {
  const { publicKey } = await routes.pushKey()
  let subscription = await manager.getSubscription()
  if (subscription && !sameKey(subscription.options.applicationServerKey, publicKey)) {
    await subscription.unsubscribe()
    subscription = null
  }
  subscription ??= await manager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey })
  const { endpoint, keys } = subscription.toJSON()
  if (!endpoint || !keys) throw new ApiError('internal', 'The browser made no subscription.')
  await routes.putSubscription({ endpoint, keys, device, language })
}

function sameKey(have: ArrayBuffer | null, want: string): boolean {
  if (!have) return false
  const text = btoa(String.fromCharCode(...new Uint8Array(have)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') === want.replaceAll('=', '')
}
