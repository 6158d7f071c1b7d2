import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import { ApiError } from '../api/errors'
import { newId } from '../api/ids'
import { useServices } from '../services'
import type { OutboxFile } from '../timeline/types'
import { useSession } from './session'

/** A file on its way to the server, or there. This store is its one owner. */
export interface UploadState {
  readonly id: string
  readonly roomId: string
  readonly filename: string
  readonly contentType: string
  readonly size: number
  /** A picture's own address in this page; given back when the upload is forgotten. */
  readonly preview: string | undefined
  /** From 0 to 1. */
  progress: number
  fileId: string | undefined
  /** When the server had all of it, in epoch milliseconds. */
  sentAt: number | undefined
  error: ApiError | undefined
}

/** What only this page has of an upload. */
interface Running {
  /** Undefined if they were too many to be kept over a reload. */
  bytes: Blob | undefined
  stop: AbortController
  done: Promise<string>
}

/** Uploads at once; the others wait. */
const lanes = 3
/** How many files one message may have. */
export const maxFiles = 10
/** Bytes of unsent files that this browser keeps for after a reload, all together. */
const keptBytes = 32 << 20
/** The server forgets a file of no message after a day; one older than this, in milliseconds, is sent anew. */
const fresh = 20 * 3_600_000

/**
 * Files that are being sent. They go out as soon as they are chosen; the message waits for them in the outbox, which
 * asks for each with `finish`. Their bytes are in memory, and as far as they fit in storage: a reload loses none, neither
 * of a message that waits nor of one that is being written.
 */
export const useUploads = defineStore('uploads', () => {
  const { routes, putBytes, now } = useServices()
  const session = useSession()
  const byId = shallowReactive(new Map<string, UploadState>())
  /** Room to the uploads that the message being written there will have. */
  const chosen = shallowReactive(new Map<string, readonly string[]>())
  const running = new Map<string, Running>()
  let busy = 0
  let tabs: BroadcastChannel | null = null
  const queue: (() => void)[] = []

  /** What is attached to the message that is being written in a room. */
  function attached(roomId: string): UploadState[] {
    return (chosen.get(roomId) ?? []).flatMap((id) => byId.get(id) ?? [])
  }

  /** Attaches files, and begins to send them; answers how many were too many. */
  function attach(roomId: string, files: readonly File[]): number {
    const room = maxFiles - (chosen.get(roomId) ?? []).length
    const ids = files.slice(0, Math.max(0, room)).map((file) => {
      const id = newId()
      const contentType = file.type || 'application/octet-stream'
      track({ id, roomId, filename: file.name, contentType, size: file.size }, file)
      start(id, file)
      void keep(id, file)
      return id
    })
    choose(roomId, [...(chosen.get(roomId) ?? []), ...ids])
    return files.length - ids.length
  }

  function track(file: Pick<UploadState, 'id' | 'roomId' | 'filename' | 'contentType' | 'size'>, bytes?: Blob): UploadState {
    const preview = bytes && file.contentType.startsWith('image/') ? URL.createObjectURL(bytes) : undefined
    const upload = shallowReactive<UploadState>({ ...file, preview, progress: 0, fileId: undefined, sentAt: undefined, error: undefined })
    byId.set(file.id, upload)
    return upload
  }

  async function keep(id: string, bytes: Blob): Promise<void> {
    const { storage } = session
    await storage?.saveBytes(id, bytes, keptBytes).catch(() => {})
    // Taken off while it was being written.
    if (!byId.has(id) && session.storage === storage) await storage?.dropBytes(id).catch(() => {})
  }

  /** Remembers what is attached in a room. */
  function save(roomId: string): void {
    void session.storage?.saveAttached(roomId, attached(roomId).map(fileOf)).catch(() => {})
  }

  /** Begins, or begins anew. */
  function start(id: string, bytes: Blob): void {
    const upload = byId.get(id)!
    upload.error = undefined
    upload.progress = 0
    const stop = new AbortController()
    const done = send(upload, bytes, stop.signal)
    running.set(id, { bytes, stop, done })
    done.catch((error: unknown) => {
      if (byId.get(id) === upload) upload.error = error instanceof ApiError ? error : new ApiError('internal', 'The file could not be sent.')
    })
  }

  async function send(upload: UploadState, bytes: Blob, signal: AbortSignal): Promise<string> {
    const limit = session.server?.limits.fileBytes
    if (limit !== undefined && upload.size > limit) throw new ApiError('too_large', 'The file is too large.', { field: 'size' })
    if (busy >= lanes) await new Promise<void>((turn) => queue.push(turn))
    busy++
    let fileId: string | undefined
    try {
      if (signal.aborted) throw new ApiError('network', 'The upload was given up.')
      const { roomId, filename, contentType, size } = upload
      const target = await routes.startUpload({ roomId, filename, contentType, size })
      fileId = target.fileId
      await putBytes(target, bytes, signal, (part) => { upload.progress = part })
      upload.progress = 1
      upload.sentAt = now()
      upload.fileId = fileId
      if (chosen.get(roomId)?.includes(upload.id)) save(roomId)
      return fileId
    } finally {
      busy--
      queue.shift()?.()
      if (signal.aborted && fileId) void routes.cancelUpload(fileId).catch(() => {})
    }
  }

  /** Tries a failed one again. */
  function retry(id: string): void {
    const bytes = running.get(id)?.bytes
    if (bytes && byId.get(id)?.error) start(id, bytes)
  }

  /** The server can be reached again: what is attached and failed for want of it goes on. */
  function resume(): void {
    for (const id of [...chosen.values()].flat()) if (byId.get(id)?.error?.code === 'network') retry(id)
  }

  /** Takes a file off the message being written; what was sent of it is given up. */
  function remove(id: string): void {
    detach([id])
    tabs?.postMessage([id])
    cancel(id)
  }

  function detach(gone: readonly string[]): void {
    for (const [roomId, ids] of chosen) if (ids.some((id) => gone.includes(id))) choose(roomId, ids.filter((id) => !gone.includes(id)))
  }

  function choose(roomId: string, ids: readonly string[]): void {
    if (ids.length > 0) chosen.set(roomId, ids)
    else chosen.delete(roomId)
    save(roomId)
  }

  /** Gives a file up, wherever it is on its way, and forgets it. */
  function cancel(id: string): void {
    const fileId = byId.get(id)?.fileId
    if (fileId) void routes.cancelUpload(fileId).catch(() => {})
    running.get(id)?.stop.abort()
    forget(id)
  }

  /** The server has the file in a message: nothing of it is needed here any more, but its bytes where another tab may want them. */
  function forget(id: string, bytesToo = true): void {
    const preview = byId.get(id)?.preview
    if (preview) URL.revokeObjectURL(preview)
    byId.delete(id)
    running.delete(id)
    if (bytesToo) void session.storage?.dropBytes(id).catch(() => {})
  }

  /** Hands the files of the message being written over to the outbox. */
  function take(roomId: string): OutboxFile[] {
    const files = attached(roomId).map(fileOf)
    choose(roomId, [])
    tabs?.postMessage(files.map((file) => file.id))
    return files
  }

  /** Waits until the file is on the server, sending it if need be; rejects with ApiError, `gone` if its bytes are nowhere. */
  async function finish(roomId: string, file: OutboxFile): Promise<string> {
    if (!running.has(file.id)) {
      const bytes = await session.storage?.bytes(file.id).catch(() => undefined)
      if (!bytes) throw new ApiError('gone', 'The file has to be chosen again.')
      const { id, filename, contentType, size } = file
      track({ id, roomId, filename, contentType, size }, bytes)
      start(id, bytes)
    } else if (byId.get(file.id)?.error) {
      retry(file.id)
    }
    return running.get(file.id)!.done
  }

  /** Takes up what was attached when this browser was here last. */
  async function hydrate(): Promise<void> {
    tabs = new BroadcastChannel(`parley-uploads:${session.userId}`)
    // Another tab sent them, or took them off.
    tabs.onmessage = ({ data }: MessageEvent<string[]>) => {
      detach(data)
      for (const id of data) {
        running.get(id)?.stop.abort()
        forget(id, false)
      }
    }
    for (const { roomId, files } of await session.storage?.attached() ?? []) {
      for (const file of files) if (!byId.has(file.id)) await takeUp(roomId, file)
      chosen.set(roomId, files.map((file) => file.id))
    }
  }

  async function takeUp(roomId: string, { id, filename, contentType, size, fileId, sentAt = 0 }: OutboxFile): Promise<void> {
    const bytes = await session.storage?.bytes(id).catch(() => undefined)
    const upload = track({ id, roomId, filename, contentType, size }, bytes)
    if (fileId && now() - sentAt < fresh) {
      Object.assign(upload, { fileId, sentAt, progress: 1 })
      running.set(id, { bytes, stop: new AbortController(), done: Promise.resolve(fileId) })
    } else if (bytes) {
      start(id, bytes)
    } else {
      upload.error = new ApiError('gone', 'The file has to be chosen again.')
    }
  }

  function reset(): void {
    tabs?.close()
    tabs = null
    for (const { stop } of running.values()) stop.abort()
    for (const { preview } of byId.values()) if (preview) URL.revokeObjectURL(preview)
    running.clear()
    byId.clear()
    chosen.clear()
  }

  return { byId, chosen, attached, attach, retry, resume, remove, cancel, forget, take, finish, hydrate, reset }
})

function fileOf({ id, filename, contentType, size, fileId, sentAt }: UploadState): OutboxFile {
  return { id, filename, contentType, size, ...(fileId && { fileId, ...(sentAt && { sentAt }) }) }
}
