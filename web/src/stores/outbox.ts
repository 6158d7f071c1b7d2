import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { backoff } from '../api/backoff'
import { ApiError } from '../api/errors'
import { newId } from '../api/ids'
import type { Message, SendInput } from '../protocol/types'
import { useServices } from '../services'
import type { OutboxEntry, OutboxFile } from '../timeline/types'
import { useConnection } from './connection'
import { usePeople } from './people'
import { useSession } from './session'
import { useTimelines } from './timelines'
import { useUploads } from './uploads'

/**
 * What waits to be sent, in this browser, by the person signed in. Survives a reload: IndexedDB holds the queue and all
 * tabs share it. Whoever holds a room's lock sends that room's entries in order, one after the other's acknowledgement,
 * always with the same clientMessageId, so that a message that was sent but not acknowledged is not sent twice.
 */
export const useOutbox = defineStore('outbox', () => {
  const { routes, withLock, now, random } = useServices()
  const session = useSession()
  const entries = shallowRef<readonly OutboxEntry[]>([])
  /** clientMessageIds on their way right now. */
  const sending = shallowRef<ReadonlySet<string>>(new Set())
  /** How many wait and are not refused: 'offline, 2 messages waiting'. */
  const waiting = computed(() => entries.value.filter((e) => !e.failure).length)

  /** clientMessageIds on their way into storage. */
  const storing = new Set<string>()
  const unstorable = new Set<string>()
  let tabs: BroadcastChannel | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  /** Nothing is sent before this moment: the server asked to wait. */
  let notBefore = 0

  /** Puts a message in the queue; it appears in the room at once. Its files may still be on their way. */
  async function send(roomId: string, content: string, replyTo?: string, files: OutboxFile[] = []): Promise<void> {
    const { userId, user } = session
    const order = (entries.value.at(-1)?.order ?? 0) + 1
    const entry: OutboxEntry = {
      clientMessageId: newId(), roomId, userId, username: user?.username ?? '', content: content.trim(),
      ...(replyTo && { replyTo }), ...(files.length > 0 && { files }), createdAt: now(), order,
    }
    entries.value = [...entries.value, entry]
    usePeople().doneTyping(roomId)
    storing.add(entry.clientMessageId)
    const stored = await session.storage?.enqueue(entry).catch(() => {
      // A full disk: it goes out from memory, or not at all if the tab closes first.
      unstorable.add(entry.clientMessageId)
      return undefined
    })
    storing.delete(entry.clientMessageId)
    if (stored) entries.value = entries.value.map((e) => (e.clientMessageId === stored.clientMessageId ? stored : e))
    announce()
    void flushRoom(roomId)
  }

  /** Tries a failed one again, in its old place among those that wait. */
  async function retry(clientMessageId: string): Promise<void> {
    await change(clientMessageId, ({ failure: _, ...entry }) => entry)
    const entry = entries.value.find((e) => e.clientMessageId === clientMessageId)
    if (entry) void flushRoom(entry.roomId)
  }

  /** Deletes one that was not sent, with its files. */
  async function discard(clientMessageId: string): Promise<void> {
    for (const { id } of entries.value.find((e) => e.clientMessageId === clientMessageId)?.files ?? []) useUploads().cancel(id)
    await settle(clientMessageId)
  }

  /** The server has it: it waits no longer. */
  async function settle(clientMessageId: string): Promise<void> {
    for (const { id } of entries.value.find((e) => e.clientMessageId === clientMessageId)?.files ?? []) useUploads().forget(id)
    entries.value = entries.value.filter((e) => e.clientMessageId !== clientMessageId)
    await session.storage?.dequeue(clientMessageId).catch(() => {})
    announce()
  }

  /** One's own message has come back by another way than its acknowledgement (another tab, or `sync`). */
  function seen(message: Message): void {
    if (message.userId !== session.userId) return
    if (entries.value.some((e) => e.clientMessageId === message.clientMessageId)) void settle(message.clientMessageId)
  }

  /** Sends what waits, room by room. */
  async function flush(): Promise<void> {
    const rooms = new Set(entries.value.filter((e) => !e.failure).map((e) => e.roomId))
    await Promise.all([...rooms].map(flushRoom))
  }

  function flushRoom(roomId: string): Promise<void> {
    const { userId } = session
    return withLock(`parley-outbox:${userId}:${roomId}`, async () => {
      while (session.signedIn && session.userId === userId && now() >= notBefore) {
        const entry = (await queue()).find((e) => e.roomId === roomId && !e.failure)
        if (!entry || !await sendOne(entry)) return
      }
    })
  }

  /** Sends one entry; false if it has to wait, and with it those after it in its room. */
  async function sendOne(entry: OutboxEntry): Promise<boolean> {
    const { clientMessageId } = entry
    mark(clientMessageId, true)
    try {
      const message = await transmit(entry, await filesOf(entry))
      failures = 0
      useTimelines().takeOwn(message)
      await settle(clientMessageId)
      return true
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (!entries.value.some((e) => e.clientMessageId === clientMessageId)) return true
      if (error.temporary || error.code === 'unauthenticated') {
        postpone(error)
        return false
      }
      await change(clientMessageId, (e) => ({ ...e, failure: { code: error.code, message: error.message } }))
      return true
    } finally {
      mark(clientMessageId, false)
    }
  }

  /** The files of an entry as the server knows them; waits until each is there, and remembers it. */
  async function filesOf({ clientMessageId, roomId, files = [] }: OutboxEntry): Promise<string[]> {
    const fileIds: string[] = []
    for (const file of files) {
      const fileId = file.fileId ?? await useUploads().finish(roomId, file)
      if (!entries.value.some((e) => e.clientMessageId === clientMessageId)) throw new ApiError('gone', 'The message was deleted meanwhile.')
      if (!file.fileId) await change(clientMessageId, (e) => ({ ...e, files: e.files?.map((f) => (f.id === file.id ? { ...f, fileId } : f)) }))
      fileIds.push(fileId)
    }
    return fileIds
  }

  async function transmit(entry: OutboxEntry, fileIds: string[]): Promise<Message> {
    const { roomId, content, clientMessageId, replyTo } = entry
    const attachments = fileIds.map((fileId) => ({ fileId }))
    const input: SendInput = { roomId, content, clientMessageId, ...(replyTo && { replyTo }), ...(attachments.length > 0 && { attachments }) }
    const connection = useConnection()
    return connection.connected() ? (await connection.request('sendMessage', input)).message : routes.send(input)
  }

  /** Tries again by itself after a while; the return of the connection does so too. */
  function postpone(error: ApiError): void {
    const due = Math.max(now() + (error.retryAfterMs ?? backoff(++failures, random)), notBefore)
    // Where the server asked to wait, nothing goes out before; a lost connection may be back at any moment.
    if (error.code !== 'network') notBefore = due
    clearTimeout(timer)
    timer = setTimeout(() => {
      notBefore = 0 // whatever the clock says: timers come a little early, and a clock can be set back
      void flush()
    }, due - now())
  }

  async function queue(): Promise<readonly OutboxEntry[]> {
    const stored = await session.storage?.outbox().catch(() => undefined)
    return stored ? [...stored, ...entries.value.filter((e) => unstorable.has(e.clientMessageId))] : entries.value
  }

  async function change(clientMessageId: string, by: (entry: OutboxEntry) => OutboxEntry): Promise<void> {
    entries.value = entries.value.map((e) => (e.clientMessageId === clientMessageId ? by(e) : e))
    await session.storage?.updateEntry(clientMessageId, by).catch(() => {})
    announce()
  }

  function mark(clientMessageId: string, on: boolean): void {
    const next = new Set(sending.value)
    if (on) next.add(clientMessageId)
    else next.delete(clientMessageId)
    sending.value = next
  }

  function announce(): void {
    tabs?.postMessage('changed')
  }

  async function hydrate(): Promise<void> {
    tabs = new BroadcastChannel(`parley-outbox:${session.userId}`)
    tabs.onmessage = () => void reload()
    await reload()
    await session.storage?.dropOrphans()
  }

  async function reload(): Promise<void> {
    const stored = await session.storage?.outbox().catch(() => undefined)
    if (!stored) return
    const here = (e: OutboxEntry) => storing.has(e.clientMessageId) || unstorable.has(e.clientMessageId)
    const unstored = entries.value.filter((e) => here(e) && !stored.some((s) => s.clientMessageId === e.clientMessageId))
    entries.value = [...stored, ...unstored]
  }

  function reset(): void {
    clearTimeout(timer)
    tabs?.close()
    tabs = null
    notBefore = failures = 0
    storing.clear()
    unstorable.clear()
    entries.value = []
    sending.value = new Set()
  }

  return { entries, sending, waiting, send, retry, discard, seen, flush, hydrate, reset }
})
