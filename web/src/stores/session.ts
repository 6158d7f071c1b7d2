import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { ApiError } from '../api/errors'
import type { Erasure, LoginResult, RegisterInput, RegisterResult, ServerInfo, User } from '../protocol/types'
import { useServices } from '../services'
import type { Storage } from '../storage/storage'

/**
 * `unknown` only until `restore` has looked; `signedIn` may be without a connection (the shell then shows what it has);
 * `expired` is signed out by the server: drafts and outbox are kept for the same person, `user` still says who it was.
 */
export type SessionStatus = 'unknown' | 'signedOut' | 'signedIn' | 'expired'

/** Who was signed in here last, so that a reload paints at once. */
const userKey = 'parley.user'
/** The server as it was seen last, so that the app has a name without a network. */
const serverKey = 'parley.server'
/** Whose data this browser keeps. */
const keptKey = 'parley.kept'

/** Who is signed in here. Actions reject with ApiError (see api/errors.ts: `code`, `message`, `field`, `retryAfterMs`). */
export const useSession = defineStore('session', () => {
  const { http, routes, openStorage, eraseStorage } = useServices()
  const status = ref<SessionStatus>('unknown')
  const user = shallowRef<User | null>(null)
  const server = shallowRef<ServerInfo | null>(null)
  /** What this browser keeps for the person; null when signed out or where the browser refuses to keep anything. */
  const storage = shallowRef<Storage | null>(null)

  const signedIn = computed(() => status.value === 'signedIn')
  /** What went with the account that was erased here a moment ago. */
  const erased = shallowRef<Erasure | null>(null)
  /** True while the person logs out: nothing may ask the server in their name any more. */
  const leaving = ref(false)
  const userId = computed(() => user.value?.userId ?? '')

  const tabs = new BroadcastChannel('parley')
  tabs.onmessage = (event: MessageEvent<{ signedOut: string }>) => {
    if (signedIn.value && event.data.signedOut === userId.value) leave('signedOut')
  }
  http.onExpired = () => { if (signedIn.value) leave('expired') }
  http.onRenewed = (result) => { if (signedIn.value && result.user.userId === userId.value) remember({ ...user.value, ...result.user }) }

  /** Runs before `signedIn`, with the storage open. The lifecycle's. */
  let entering: () => Promise<void> = async () => {}
  function onEnter(work: () => Promise<void>): void {
    entering = work
  }

  /** Looks for a session to go on with; never rejects. */
  async function restore(): Promise<void> {
    const known = stored<User>(userKey)
    if (known) {
      server.value = stored<ServerInfo>(serverKey)
      return enter(known)
    }
    status.value = 'signedOut'
    await loadServer().catch(() => {})
  }

  /** Reads name, registration and limits of the server into `server`. */
  async function loadServer(): Promise<ServerInfo> {
    server.value = await routes.server()
    if (user.value) localStorage.setItem(serverKey, JSON.stringify(server.value))
    return server.value
  }

  /** Registers and, if no confirmation is needed, logs in. */
  async function register(input: RegisterInput): Promise<RegisterResult> {
    const result = await routes.register(input)
    if (!result.confirmationRequired) await login(input.username, input.password)
    return result
  }

  async function login(username: string, password: string): Promise<void> {
    const result = await routes.login(username, password)
    http.adopt(result)
    await enter(result.user)
  }

  /** Ends the session and erases what this browser holds of it (rooms, messages, drafts, outbox). */
  async function logout(): Promise<void> {
    await end(() => routes.logout().catch((error: unknown) => {
      // Without the server the cookie stays; the person must know that they are not logged out.
      if (error instanceof ApiError && error.code === 'unauthenticated') return
      throw error
    }))
  }

  async function updateProfile(patch: { displayName: string }): Promise<void> {
    remember(await routes.updateMe(patch))
  }

  async function setAvatar(image: Blob): Promise<void> {
    remember(await routes.setAvatar(image))
  }

  async function removeAvatar(): Promise<void> {
    await routes.removeAvatar()
    remember(await routes.me())
  }

  const changePassword = routes.changePassword
  const listSessions = async () => (await routes.sessions()).sessions
  const endSession = routes.endSession
  const previewInvite = routes.previewInvite
  /** What the person wrote in all their rooms, newest first. */
  const ownMessages = (cursor?: string) => routes.userMessages(userId.value, cursor)
  const notificationRules = routes.notificationRules
  const setNotificationRules = routes.setNotificationRules

  /** Ends every session, this one included. */
  async function endAllSessions(): Promise<void> {
    await end(routes.endSessions)
  }

  /** Erases the account with everything that is the person's; `erased` then says what went. Nobody is signed in afterwards. */
  async function eraseAccount(password: string): Promise<void> {
    await end(async () => { erased.value = await routes.eraseMe(password) })
  }

  async function end(work: () => Promise<unknown>): Promise<void> {
    const who = userId.value
    leaving.value = true
    try {
      await work()
      await forgetAll(who)
    } finally {
      leaving.value = false
    }
  }

  async function enter(who: LoginResult['user']): Promise<void> {
    const kept = localStorage.getItem(keptKey)
    if (kept && kept !== who.userId) await eraseStorage(kept).catch(() => {})
    localStorage.setItem(keptKey, who.userId)
    storage.value = await openStorage(who.userId).catch(() => null)
    remember(who)
    await entering()
    status.value = 'signedIn'
    void loadServer().catch(() => {})
  }

  /** Leaves the person's data closed, but in place. */
  function leave(to: 'signedOut' | 'expired'): void {
    http.forget()
    localStorage.removeItem(userKey)
    // Whoever watches may write a last word before the storage closes.
    status.value = to
    storage.value?.close()
    storage.value = null
    if (to === 'signedOut') user.value = null
  }

  async function forgetAll(who: string): Promise<void> {
    leave('signedOut')
    tabs.postMessage({ signedOut: who })
    localStorage.removeItem(keptKey)
    localStorage.removeItem(serverKey)
    await eraseStorage(who).catch(() => {})
    await loadServer().catch(() => {})
  }

  function remember(who: User): void {
    user.value = who
    localStorage.setItem(userKey, JSON.stringify(who))
  }

  return {
    status, user, server, storage, signedIn, leaving, userId,
    erased, eraseAccount, exportAccount: routes.exportMe, onEnter, restore, loadServer, register, login, logout, updateProfile, setAvatar, removeAvatar, changePassword,
    listSessions, endSession, endAllSessions, previewInvite, ownMessages, notificationRules, setNotificationRules,
  }
})

function stored<T>(key: string): T | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') as T | null
  } catch {
    return null
  }
}
