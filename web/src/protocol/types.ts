/** The wire types of Parley's public contract, version 1. All times are epoch milliseconds. */

export type RoomKind = 'public' | 'private' | 'direct'
export type Role = 'owner' | 'moderator' | 'member'

export interface User {
  userId: string
  username: string
  displayName: string
  avatarUrl?: string
  createdAt: number
  /** Only in one's own record. */
  admin?: boolean
}

export interface Attachment {
  fileId: string
  filename: string
  /** As the server found it in the bytes. */
  contentType: string
  /** Bytes. */
  size: number
  /** Pixels; of pictures and films that the server could measure. */
  width?: number
  height?: number
  /** True if there is a small picture of it. */
  thumbnail?: boolean
}

/** A file that is announced to the server: where its bytes go. */
export interface Upload {
  fileId: string
  url: string
  method: 'PUT'
  headers: Record<string, string>
  expiresAt: number
}

/** Short-lived links to the bytes of a file. */
export interface FileLink {
  url: string
  thumbnailUrl?: string
  /** Seconds. */
  expiresIn: number
}

export interface Message {
  roomId: string
  /** The log number that created it; messages are ordered by it. */
  seq: number
  /** The log number of its latest change; the larger one holds the newer contents. */
  updatedSeq?: number
  messageId: string
  userId: string
  username: string
  /** Empty once deleted. */
  content: string
  createdAt: number
  clientMessageId: string
  editedAt?: number
  deletedAt?: number
  /** A messageId of the same room. */
  replyTo?: string
  threadId?: string
  attachments: Attachment[]
  /** Emoji to user ids, in the order they came. */
  reactions: Record<string, string[]>
  /** User ids, and `@room` or `@here` where everybody is meant. */
  mentions: string[]
}

export interface Room {
  roomId: string
  kind: RoomKind
  name: string
  topic: string
  createdBy: string
  createdAt: number
  /** The newest number of the room's log. */
  headSeq: number
}

export interface Membership {
  roomId: string
  userId: string
  role: Role
  joinedAt: number
  readSeq: number
}

/** A room as one of its members lists it. */
export interface MyRoom extends Room {
  membership: Membership
  unread: number
  mentions: number
  lastMessage?: Message
  /** What of this room one is told of. */
  notify?: NotifyLevel
  /** In direct rooms: everyone, oneself included. */
  members?: User[]
}

/** What of a room one is told of; `default` is everything in direct rooms, else mentions. */
export type NotifyLevel = 'all' | 'mentions' | 'nothing' | 'default'

/** When and how one wants to be told of what happens while one is away. */
export interface NotificationRules {
  /** Epoch milliseconds until which nothing is told. */
  pausedUntil?: number
  /** Times of day as `22:00`, days from 0 for Sunday; all days where none are named. */
  quiet?: { from: string; to: string; timeZone: string; days?: number[] }
  /** Tells that something came, not what. */
  hideContent: boolean
  /** Shows others what one has read, and oneself what they have. */
  readReceipts: boolean
}

/** One thing that was meant for the person. */
export interface Notice {
  kind: 'mention' | 'direct' | 'reply'
  message: Message
  room: { roomId: string; name: string; kind: RoomKind }
  read: boolean
}

/** How far somebody has read a room. */
export interface ReadMark {
  userId: string
  seq: number
}

/** What went with an account, by number. */
export interface Erasure {
  messages: number
  files: number
  subscriptions: number
  sessions: number
  memberships: number
  invites: number
}

/** A public room as anybody may find it. */
export interface PublicRoom extends Room {
  memberCount: number
  joined: boolean
}

export interface Member extends User {
  role: Role
  joinedAt: number
  online: boolean
  lastSeen: number
}

export interface ServerInfo {
  name: string
  registration: 'open' | 'invite' | 'closed'
  /** True until the first user exists. */
  setupRequired: boolean
  version: string
  limits: { messageBytes: number; avatarBytes: number; directMembers: number; fileBytes?: number }
  features?: { files?: boolean; push?: boolean }
}

/** A browser that is told by Web Push. */
export interface PushDevice {
  subscriptionId: string
  device: string
  createdAt: number
  /** Of the last push that was taken. */
  lastUsedAt?: number
  /** Why the last push was not taken. */
  failure?: string
  /** Made in the session that asks. */
  current: boolean
}

/** How a push to one device ended. */
export interface PushResult {
  subscriptionId: string
  device: string
  ok: boolean
  reason?: string
}

export interface LoginResult {
  accessToken: string
  /** Seconds. */
  expiresIn: number
  user: User
}

export interface RegisterInput {
  username: string
  password: string
  email?: string
  displayName?: string
  /** Only where the server has no user yet: names the server and its first room. */
  serverName?: string
  inviteToken?: string
}

export interface RegisterResult {
  user: User
  confirmationRequired: boolean
}

export interface Session {
  sessionId: string
  createdAt: number
  lastUsedAt: number
  userAgent: string
  address: string
  current: boolean
}

export interface Invite {
  inviteId: string
  /** The secret and its link: only in the answer that makes the invitation, for the server keeps none. */
  token?: string
  url?: string
  createdAt: number
  expiresAt: number
  roomId?: string
  maxUses: number
  uses: number
}

/** What anybody who holds an invite link may see. */
export interface InvitePreview {
  serverName: string
  inviter: User
  room?: { roomId: string; name: string; topic: string }
  valid: boolean
}

export interface Presence {
  userId: string
  online: boolean
  lastSeen: number
}

export interface MessagePage {
  messages: Message[]
  hasMoreBefore: boolean
  hasMoreAfter: boolean
}

export interface PageBounds {
  before?: number
  after?: number
  around?: number
  /** Epoch milliseconds: around the first message at or after this moment, or the last one. */
  at?: number
  limit?: number
}

/** What to search messages for. */
export interface SearchInput {
  /** At most 200 characters and 8 words, all of which must occur; "quoted" parts are one word. */
  query: string
  /** Only in this room. */
  roomId?: string
  /** Only what this person wrote. */
  userId?: string
  cursor?: string
  limit?: number
}

/** Messages that were found, the newest first. May be short or empty although there is a cursor. */
export interface SearchPage {
  messages: Message[]
  /** Where to go on; without it all is searched. */
  cursor?: string
  /** Epoch milliseconds: everything down to this moment is searched. */
  searchedTo?: number
}

export interface SendInput {
  roomId: string
  content: string
  clientMessageId: string
  replyTo?: string
  attachments?: { fileId: string }[]
}

export type ErrorCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'unavailable'
  | 'internal'

/** An RFC 9457 problem as the server writes it. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  requestId?: string
  retryAfterMs?: number
  field?: string
}

export type RoomChange = 'created' | 'updated' | 'joined' | 'left' | 'removed' | 'role' | 'deleted'

export interface RoomEvent {
  seq: number
  change: RoomChange
  /** Who did it. */
  by?: string
  at?: number
  room: Room
  membership?: Membership
}

/** The events that take a number of the room's log. */
export type LogFrame =
  | { type: 'newMessage'; data: { message: Message } }
  | { type: 'messageUpdated'; data: { message: Message } }
  | { type: 'room'; data: RoomEvent }

export interface SyncedRoom {
  roomId: string
  headSeq: number
  events: LogFrame[]
  /** False: too far behind; drop what is held of this room and page through history. */
  complete: boolean
  /** True: there were more events than fit; ask again from the last one. */
  more?: boolean
}

/** The answer to `sync`. With `more`, rooms that did not fit at all are left out: ask again for those. */
export interface Synced {
  rooms: SyncedRoom[]
  more?: boolean
}

export interface WireError {
  code: ErrorCode
  message: string
  field?: string
  retryAfterMs?: number
}

/** Every frame a server sends. An answer carries the requestId of its request. */
export type ServerFrame = { requestId?: string } & (
  | LogFrame
  | { type: 'ack'; data: { message?: Message } }
  | { type: 'messageHistory'; data: MessagePage & { roomId: string } }
  | { type: 'clients'; data: { clients: (Presence & { username: string })[] } }
  | { type: 'synced'; data: Synced }
  | { type: 'pong'; data: { rooms: Record<string, number> } }
  | { type: 'presence'; data: Presence }
  | { type: 'typing'; data: { roomId: string; userId: string } }
  | { type: 'read'; data: { roomId: string; userId: string; seq: number } }
  | { type: 'notification'; data: { kind: Notice['kind']; message: Message } }
  | { type: 'error'; data: WireError }
)

/** The answer to a `sync` over HTTP that waited. */
export interface Waited extends Synced {
  /** The newest number of each of one's rooms. */
  heads?: Record<string, number>
  /** To be given back with the next. */
  connectionId?: string
  /** What is told and never stored. */
  signals?: ServerFrame[]
  /** This server does not wait: ask again after so long. */
  retryAfterMs?: number
}

/** What each action of a client carries. */
export interface Actions {
  sendMessage: SendInput
  getMessages: { roomId: string } & PageBounds
  getClients: { roomId?: string }
  sync: { rooms: Record<string, number> }
  typing: { roomId: string }
  markRead: { roomId: string; seq: number }
  ping: Record<string, never>
}

/** What the server answers to each action; `typing` has no answer. */
export interface Answers {
  sendMessage: { message: Message }
  getMessages: MessagePage & { roomId: string }
  getClients: { clients: (Presence & { username: string })[] }
  sync: Synced
  markRead: { message?: Message }
  ping: { rooms: Record<string, number> }
}
