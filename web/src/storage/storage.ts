import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { MyRoom, User } from '../protocol/types'
import type { OutboxEntry, OutboxFile, Timeline } from '../timeline/types'

/** The newest part of a room's history and how far its log was taken in. */
export interface CachedTimeline {
  roomId: string
  timeline: Timeline
  applied: number
}

/**
 * How much of the cache a browser keeps: beyond it the rooms that were written longest ago go, and the people are learned
 * anew. Outbox and drafts, files included, are nobody's cache and never go. A room holds at most 60 messages (stores/timelineCache.ts).
 */
export const bounds = { timelines: 100, users: 2000 }

export interface StoredDraft {
  roomId: string
  text: string
  replyTo?: string
}

/** The files of the message that is being written in a room. */
export interface StoredFiles {
  roomId: string
  files: readonly OutboxFile[]
}

/** The bytes of a file that waits to be sent. */
interface StoredBytes {
  id: string
  bytes: ArrayBuffer
  type: string
}

interface Schema extends DBSchema {
  rooms: { key: string; value: MyRoom }
  timelines: { key: string; value: CachedTimeline & { savedAt: number }; indexes: { savedAt: number } }
  users: { key: string; value: User }
  outbox: { key: string; value: OutboxEntry }
  drafts: { key: string; value: StoredDraft }
  attached: { key: string; value: StoredFiles }
  bytes: { key: string; value: StoredBytes }
}

const version = 4

/**
 * What this browser keeps for one person, in IndexedDB: a cache (rooms, timelines, users), and what exists nowhere else
 * (outbox, drafts). Every tab opens its own; the database is the one owner of the outbox.
 */
export class Storage {
  private readonly db: IDBPDatabase<Schema>

  private constructor(db: IDBPDatabase<Schema>) {
    this.db = db
  }

  static async open(userId: string): Promise<Storage> {
    const db = await openDB<Schema>(databaseName(userId), version, {
      upgrade(db, from) {
        if (from === 1) db.deleteObjectStore('timelines')
        if (from < 2) db.createObjectStore('timelines', { keyPath: 'roomId' }).createIndex('savedAt', 'savedAt')
        if (from < 3) db.createObjectStore('bytes', { keyPath: 'id' })
        db.createObjectStore('attached', { keyPath: 'roomId' })
        if (from > 0) return
        db.createObjectStore('rooms', { keyPath: 'roomId' })
        db.createObjectStore('users', { keyPath: 'userId' })
        db.createObjectStore('outbox', { keyPath: 'clientMessageId' })
        db.createObjectStore('drafts', { keyPath: 'roomId' })
      },
      // Another tab erases or upgrades: give way.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    })
    return new Storage(db)
  }

  /** Erases everything kept for a person. */
  static async erase(userId: string): Promise<void> {
    await deleteDB(databaseName(userId))
  }

  close(): void {
    this.db.close()
  }

  rooms(): Promise<MyRoom[]> {
    return this.db.getAll('rooms')
  }

  /** Replaces the cached list of rooms and forgets the timelines of rooms that are not in it. */
  async saveRooms(rooms: readonly MyRoom[]): Promise<void> {
    const tx = this.db.transaction('rooms', 'readwrite')
    void tx.store.clear()
    for (const room of rooms) void tx.store.put(room)
    await written(tx)
    const keep = new Set(rooms.map((r) => r.roomId))
    for (const roomId of await this.db.getAllKeys('timelines')) if (!keep.has(roomId)) await this.dropTimeline(roomId)
  }

  timeline(roomId: string): Promise<CachedTimeline | undefined> {
    return this.db.get('timelines', roomId)
  }

  async saveTimeline(cached: CachedTimeline): Promise<void> {
    const tx = this.db.transaction('timelines', 'readwrite')
    void tx.store.put({ ...cached, savedAt: Date.now() })
    await written(tx)
    await this.trimTimelines()
  }

  private async trimTimelines(): Promise<void> {
    const over = (await this.db.count('timelines')) - bounds.timelines
    if (over <= 0) return
    for (const roomId of await this.db.getAllKeysFromIndex('timelines', 'savedAt', undefined, over)) await this.dropTimeline(roomId)
  }

  async dropTimeline(roomId: string): Promise<void> {
    await this.db.delete('timelines', roomId)
  }

  users(): Promise<User[]> {
    return this.db.getAll('users')
  }

  async saveUsers(users: readonly User[]): Promise<void> {
    const tx = this.db.transaction('users', 'readwrite')
    if ((await tx.store.count()) + users.length > bounds.users) void tx.store.clear()
    for (const user of users) void tx.store.put(user)
    await tx.done
  }

  /** Everything that waits to be sent, in sending order. */
  async outbox(): Promise<OutboxEntry[]> {
    return (await this.db.getAll('outbox')).sort((a, b) => a.order - b.order)
  }

  /** Adds an entry at the end of the queue; `order` is given here, so that tabs agree. */
  async enqueue(entry: Omit<OutboxEntry, 'order'>): Promise<OutboxEntry> {
    const tx = this.db.transaction('outbox', 'readwrite')
    const order = Math.max(0, ...(await tx.store.getAll()).map((e) => e.order)) + 1
    const stored = { ...entry, order }
    await tx.store.put(stored)
    await tx.done
    return stored
  }

  /** Changes an entry if it is still there. */
  async updateEntry(clientMessageId: string, change: (entry: OutboxEntry) => OutboxEntry): Promise<void> {
    const tx = this.db.transaction('outbox', 'readwrite')
    const entry = await tx.store.get(clientMessageId)
    if (entry) await tx.store.put(change(entry))
    await tx.done
  }

  async dequeue(clientMessageId: string): Promise<void> {
    await this.db.delete('outbox', clientMessageId)
  }

  /** Keeps the bytes of a file, unless all such files together would be larger than `most`. */
  async saveBytes(id: string, blob: Blob, most: number): Promise<void> {
    if (blob.size > most) return
    const bytes = await blob.arrayBuffer()
    const tx = this.db.transaction('bytes', 'readwrite')
    const held = (await tx.store.getAll()).filter((each) => each.id !== id).reduce((sum, each) => sum + each.bytes.byteLength, 0)
    if (held + blob.size <= most) await tx.store.put({ id, bytes, type: blob.type })
    await tx.done
  }

  async bytes(id: string): Promise<Blob | undefined> {
    const held = await this.db.get('bytes', id)
    return held && new Blob([held.bytes], { type: held.type })
  }

  async dropBytes(id: string): Promise<void> {
    await this.db.delete('bytes', id)
  }

  /** The files of messages that are being written. */
  attached(): Promise<StoredFiles[]> {
    return this.db.getAll('attached')
  }

  async saveAttached(roomId: string, files: readonly OutboxFile[]): Promise<void> {
    const tx = this.db.transaction('attached', 'readwrite')
    void (files.length > 0 ? tx.store.put({ roomId, files }) : tx.store.delete(roomId))
    await written(tx)
  }

  /** Drops the bytes of files that belong to no message, neither one in the outbox nor one that is being written. */
  async dropOrphans(): Promise<void> {
    const tx = this.db.transaction(['outbox', 'attached', 'bytes'], 'readwrite')
    const messages = [...await tx.objectStore('outbox').getAll(), ...await tx.objectStore('attached').getAll()]
    const wanted = new Set(messages.flatMap((each) => each.files ?? []).map((file) => file.id))
    const bytes = tx.objectStore('bytes')
    for (const id of await bytes.getAllKeys()) if (!wanted.has(id)) void bytes.delete(id)
    await tx.done
  }

  drafts(): Promise<StoredDraft[]> {
    return this.db.getAll('drafts')
  }

  async saveDraft(draft: StoredDraft): Promise<void> {
    const tx = this.db.transaction('drafts', 'readwrite')
    void tx.store.put(draft)
    await written(tx)
  }

  async dropDraft(roomId: string): Promise<void> {
    const tx = this.db.transaction('drafts', 'readwrite')
    void tx.store.delete(roomId)
    await written(tx)
  }
}

/**
 * Ends a transaction to which nothing will be added. A page that goes away takes with it what did not ask for its commit;
 * the last words of a page are written while it goes.
 */
async function written(tx: { commit(): void; done: Promise<void> }): Promise<void> {
  tx.commit()
  await tx.done
}

function databaseName(userId: string): string {
  return `parley:${userId}`
}
