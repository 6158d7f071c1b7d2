import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { Member, Message, MyRoom } from '@/protocol/types'

/** The one dialog that is open over the chat, with what it is about. */
export type OpenDialog =
  | { kind: 'switcher' }
  | { kind: 'createRoom' }
  | { kind: 'editRoom'; room: MyRoom }
  | { kind: 'direct' }
  | { kind: 'addPeople'; room: MyRoom }
  | { kind: 'invite'; room?: MyRoom }
  | { kind: 'leaveRoom'; room: MyRoom }
  | { kind: 'deleteRoom'; room: MyRoom }
  | { kind: 'removeMember'; room: MyRoom; member: Member; done: () => void }
  | { kind: 'deleteMessage'; message: Message }
  | { kind: 'messageInfo'; message: Message }
  | { kind: 'date'; roomId: string; from: number; at: number }
  | { kind: 'eraseAccount' }
  | { kind: 'logout' }

/** Which dialog is open; any part of the chat may ask for one. */
export const useDialogs = defineStore('dialogs', () => {
  const current = shallowRef<OpenDialog | null>(null)

  function open(dialog: OpenDialog): void {
    current.value = dialog
  }
  function close(): void {
    current.value = null
  }

  return { current, open, close }
})
