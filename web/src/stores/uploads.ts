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
  error: ApiError | undefined
}

/** What only this page has of an upload. */
interface Running {
  bytes: Blob
  stop: AbortController
  done: Promise<string>
}

/** Uploads at once; the others wait. */
const lanes = 3
/** How many files one message may have. */
export const maxFiles = 10
/** Bytes of unsent files that this browser keeps for after a reload, all together. */
const keptBytes = 32 << 20

/**
 * Files that are being sent. They go out as soon as they are chosen; the message waits for them in the outbox, which
 * asks for each with `finish`. Their bytes are in memory, and for sent messages in storage as far as they fit.
 */
export const useUploads = defineStore('uploads', () => {
  const { routes, putBytes } = useServices()
  const session = useSession()
  const byId = shallowReactive(new Map<string, UploadState>())
  /** Room to the uploads that the message being written there will have. */
  const chosen = shallowReactive(new Map<string, readonly string[]>())
  const running = new Map<string, Running>()
  let busy = 0
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
      return id
    })
    chosen.set(roomId, [...(chosen.get(roomId) ?? []), ...ids])
    return files.length - ids.length
  }

  function track(file: Pick<UploadState, 'id' | 'roomId' | 'filename' | 'contentType' | 'size'>, bytes: Blob): void {
    const preview = file.contentType.startsWith('image/') ? URL.createObjectURL(bytes) : undefined
    byId.set(file.id, shallowReactive({ ...file, preview, progress: 0, fileId: undefined, error: undefined }))
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
      return upload.fileId = fileId
    } finally {
      busy--
      queue.shift()?.()
      if (signal.aborted && fileId) void routes.cancelUpload(fileId).catch(() => {})
    }
  }

  /** Tries a failed one again. */
  function retry(id: string): void {
    const held = running.get(id)
    if (held && byId.get(id)?.error) start(id, held.bytes)
  }

  /** Takes a file off the message being written; what was sent of it is given up. */
  function remove(id: string): void {
    for (const [roomId, ids] of chosen) if (ids.includes(id)) choose(roomId, ids.filter((each) => each !== id))
    cancel(id)
  }

  function choose(roomId: string, ids: readonly string[]): void {
    if (ids.length > 0) chosen.set(roomId, ids)
    else chosen.delete(roomId)
  }

  /** Gives a file up, wherever it is on its way, and forgets it. */
  function cancel(id: string): void {
    const fileId = byId.get(id)?.fileId
    if (fileId) void routes.cancelUpload(fileId).catch(() => {})
    running.get(id)?.stop.abort()
    forget(id)
  }

  /** The server has the file in a message: nothing of it is needed here any more. */
  function forget(id: string): void {
    const preview = byId.get(id)?.preview
    if (preview) URL.revokeObjectURL(preview)
    byId.delete(id)
    running.delete(id)
    void session.storage?.dropBytes(id).catch(() => {})
  }

  /** Hands the files of the message being written over to the outbox. */
  function take(roomId: string): OutboxFile[] {
    const files = attached(roomId).map(({ id, filename, contentType, size }) => ({ id, filename, contentType, size }))
    chosen.delete(roomId)
    return files
  }

  /** Keeps the bytes of files that wait with a message, as far as they fit. */
  async function keep(files: readonly OutboxFile[]): Promise<void> {
    for (const { id } of files) {
      const held = running.get(id)
      if (held) await session.storage?.saveBytes(id, held.bytes, keptBytes).catch(() => {})
    }
  }

  /** Waits until the file is on the server, sending it if need be; rejects with ApiError, `gone` if its bytes are nowhere. */
  async function finish(roomId: string, file: OutboxFile): Promise<string> {
    if (!running.has(file.id)) {
      const bytes = await session.storage?.bytes(file.id).catch(() => undefined)
      if (!bytes) throw new ApiError('gone', 'The file has to be chosen again.')
      track({ ...file, roomId }, bytes)
      start(file.id, bytes)
    } else if (byId.get(file.id)?.error) {
      retry(file.id)
    }
    return running.get(file.id)!.done
  }

  function reset(): void {
    for (const { stop } of running.values()) stop.abort()
    for (const { preview } of byId.values()) if (preview) URL.revokeObjectURL(preview)
    running.clear()
    byId.clear()
    chosen.clear()
  }

  return { byId, chosen, attached, attach, retry, remove, cancel, forget, take, keep, finish, reset }
})
