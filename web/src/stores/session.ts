import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { InvitePreview, RegisterInput, RegisterResult, ServerInfo, Session, User } from '../protocol/types'

/**
 * `unknown` only until `restore` has looked; `signedIn` may be without a connection (the shell then shows what it has);
 * `expired` is signed out by the server: drafts and outbox are kept for the same person.
 */
export type SessionStatus = 'unknown' | 'signedOut' | 'signedIn' | 'expired'

/** Who is signed in here. Actions reject with ApiError (see api/errors.ts: `code`, `message`, `field`, `retryAfterMs`). */
export const useSession = defineStore('session', () => {
  const status = ref<SessionStatus>('unknown')
  const user = shallowRef<User | null>(null)
  const server = shallowRef<ServerInfo | null>(null)

  const signedIn = computed(() => status.value === 'signedIn')
  const userId = computed(() => user.value?.userId ?? '')

  return {
    status, user, server, signedIn, userId,
    /** Looks for a session to go on with; never rejects. */
    restore: todo<() => Promise<void>>(),
    /** Reads name, registration and limits of the server into `server`. */
    loadServer: todo<() => Promise<ServerInfo>>(),
    /** Registers and, if no confirmation is needed, logs in. */
    register: todo<(input: RegisterInput) => Promise<RegisterResult>>(),
    login: todo<(username: string, password: string) => Promise<void>>(),
    /** Ends the session and erases what this browser holds of it (rooms, messages, drafts, outbox). */
    logout: todo<() => Promise<void>>(),
    updateProfile: todo<(patch: { displayName: string }) => Promise<void>>(),
    setAvatar: todo<(image: Blob) => Promise<void>>(),
    removeAvatar: todo<() => Promise<void>>(),
    changePassword: todo<(currentPassword: string, newPassword: string) => Promise<void>>(),
    listSessions: todo<() => Promise<Session[]>>(),
    endSession: todo<(sessionId: string) => Promise<void>>(),
    /** Ends every session, this one included. */
    endAllSessions: todo<() => Promise<void>>(),
    previewInvite: todo<(token: string) => Promise<InvitePreview>>(),
  }
})
function todo<F>(): F { return (() => { throw new Error('not yet') }) as F }
