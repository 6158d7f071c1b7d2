import type {
  Actions, Attachment, LogFrame, Message, MessagePage, MyRoom, Notice, NotifyLevel, Problem, Room, SearchPage, ServerFrame, SyncedRoom, Upload, User,
} from '../protocol/types'
import { ApiError } from '../api/errors'
import { maxQuery, maxWords, searchKey, wordsOf } from '../components/search/searchKey'
import type { PutBytes } from '../api/put'
import { logNumber } from '../timeline/log'
import type { FakeSocket } from './fakeSocket'

interface FakeRoom {
  room: Room
  members: Map<string, { readSeq: number; joinedAt: number }>
  messages: Message[]
  log: LogFrame[]
  levels: Record<string, NotifyLevel>
}

/** An answer that refuses: its status is by its code. */
export type Refusal = Partial<Problem> & { code: Problem['code'] }

class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

const statuses: Record<string, number> = {
  invalid_request: 400, unauthenticated: 401, forbidden: 403, not_found: 404, conflict: 409, too_large: 413,
  rate_limited: 429, unavailable: 503, internal: 500,
}

/**
 * A server in memory, for tests of everything above `fetch` and `WebSocket`: real logs with one number for each change,
 * idempotent sending, sync, tickets and a refresh cookie. What tests want to go wrong is set by its fields.
 */
export class FakeServer {
  readonly users = new Map<string, User>()
  readonly rooms = new Map<string, FakeRoom>()
  readonly sockets = new Set<FakeSocket>()
  /** Requests seen, as `METHOD /path` or `action`. */
  readonly seen: string[] = []
  /** The cookie jar of the one browser: whose session it holds. */
  cookie: string | null = null
  /** Nothing answers and no socket stays. */
  down = false
  /** Takes messages in but loses the acknowledgements, with the connection. */
  losesAcks = false
  /** Refuses what it is shown, if it answers something. */
  refuse: (request: string, body: Record<string, unknown>) => Refusal | undefined = () => undefined
  /** Waits before answering a request over HTTP. */
  hold: (request: string) => Promise<void> | undefined = () => undefined
  /** Milliseconds that a frame is on its way, to a socket or from it; frames never overtake each other. */
  delay: (frame: { type: string } | { action: string }, socket: FakeSocket) => number = () => 0
  /** Seconds after which a socket is ended; 0 is never. */
  socketLife = 0
  /** How far behind `sync` still helps, and how many events fit into an answer. */
  syncLimit = 2000
  syncFits = 500
  /** How many messages a page of a search looks at. */
  searchStep = 50
  /** Numbers not delivered live, so that clients must find the gap. */
  readonly swallowed = new Set<number>()
  now = Date.UTC(2026, 5, 1, 12)
  /** What was uploaded: names and texts; those with a message have its room. */
  readonly files = new Map<string, { filename: string; text: string; roomId: string; taken: boolean }>()
  private tickets = 0

  addUser(userId: string): User {
    const user = { userId, username: userId, displayName: userId.toUpperCase(), createdAt: 1 }
    this.users.set(userId, user)
    return user
  }

  addRoom(roomId: string, members: string[], more: Partial<Room> = {}): FakeRoom {
    const room: Room = { roomId, kind: 'public', name: roomId, topic: '', createdBy: members[0]!, createdAt: 1, headSeq: 0, ...more }
    const made: FakeRoom = { room, members: new Map(members.map((m) => [m, { readSeq: 0, joinedAt: 1 }])), messages: [], log: [], levels: {} }
    this.rooms.set(roomId, made)
    this.append(made, (seq) => ({ type: 'room', data: { seq, change: 'created', room: { ...room } } }))
    return made
  }

  join(roomId: string, userId: string): void {
    const made = this.rooms.get(roomId)!
    made.members.set(userId, { readSeq: made.room.headSeq, joinedAt: this.now })
    const membership = { roomId, userId, role: 'member' as const, joinedAt: this.now, readSeq: 0 }
    this.append(made, (seq) => ({ type: 'room', data: { seq, change: 'joined', by: userId, at: this.now, room: { ...made.room, headSeq: seq }, membership } }))
  }

  removeMember(roomId: string, userId: string): void {
    const made = this.rooms.get(roomId)!
    const membership = { roomId, userId, role: 'member' as const, joinedAt: 1, readSeq: 0 }
    this.append(made, (seq) => ({ type: 'room', data: { seq, change: 'removed', room: { ...made.room }, membership } }))
    made.members.delete(userId)
  }

  /** Writes a message as if by another connection; a repeat of a clientMessageId gets the first result. */
  post(roomId: string, userId: string, content: string, clientMessageId = `${userId}-${Math.random()}`, from?: FakeSocket, replyTo?: string, attachments: { fileId: string }[] = []): Message {
    const made = this.rooms.get(roomId)!
    const known = made.messages.find((m) => m.userId === userId && m.clientMessageId === clientMessageId)
    if (known) return known
    this.now += 1000
    const frame = this.append(made, (seq) => ({
      type: 'newMessage',
      data: {
        message: {
          roomId, seq, messageId: `${roomId}-${seq}`, userId, username: userId, content, createdAt: this.now, clientMessageId,
          ...(replyTo && { replyTo }), attachments: this.attach(attachments), reactions: {}, mentions: [...content.matchAll(/@(\w+)/g)].map((m) => m[1]!),
        },
      },
    }), from)
    const { message } = frame.data as { message: Message }
    made.messages.push(message)
    this.read(made, userId, message.seq)
    return message
  }

  edit(roomId: string, messageId: string, change: Partial<Message>): Message {
    const made = this.rooms.get(roomId)!
    const index = made.messages.findIndex((m) => m.messageId === messageId)
    const frame = this.append(made, (seq) => ({ type: 'messageUpdated', data: { message: { ...made.messages[index]!, ...change, updatedSeq: seq } } }))
    return made.messages[index] = (frame.data as { message: Message }).message
  }

  /** Adds a reaction or takes it back; nothing changes if it is so already. */
  react(made: FakeRoom, messageId: string, emoji: string, userId: string, on: boolean): Message {
    const message = made.messages.find((m) => m.messageId === messageId) ?? fail('not_found')
    const there = message.reactions[emoji] ?? []
    if (there.includes(userId) === on) return message
    const { [emoji]: _, ...rest } = message.reactions
    const next = on ? [...there, userId] : there.filter((each) => each !== userId)
    return this.edit(made.room.roomId, messageId, { reactions: next.length > 0 ? { ...message.reactions, [emoji]: next } : rest })
  }

  /** Moves a read marker, never back. */
  private read({ members }: FakeRoom, userId: string, seq: number): void {
    const member = members.get(userId)
    if (member) member.readSeq = Math.max(member.readSeq, seq)
  }

  /** Tells the members' connections something that is not stored. */
  tell(roomId: string, frame: ServerFrame, except?: string): void {
    const { members } = this.rooms.get(roomId)!
    for (const socket of this.sockets) if (members.has(socket.userId) && socket.userId !== except) socket.deliver(frame)
  }

  private append(made: FakeRoom, make: (seq: number) => LogFrame, from?: FakeSocket): LogFrame {
    const frame = make(++made.room.headSeq)
    made.log.push(frame)
    if (this.swallowed.has(made.room.headSeq)) return frame
    for (const socket of this.sockets) {
      if (socket !== from && made.members.has(socket.userId)) socket.deliver(frame)
    }
    return frame
  }

  /** Ends every connection with a close code. */
  disconnect(code = 1006): void {
    for (const socket of [...this.sockets]) socket.drop(code)
  }

  /** In the place of `fetch`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(input as string, 'http://parley.test')
    const request = `${init?.method ?? 'GET'} ${url.pathname.replace('/api/v1', '')}`
    this.seen.push(request)
    await Promise.resolve()
    if (this.down) throw new TypeError('Failed to fetch')
    const body = typeof init?.body === 'string' ? JSON.parse(init.body) as Record<string, unknown> : {}
    const token = new Headers(init?.headers).get('Authorization')?.replace('Bearer ', '') ?? ''
    let answer: Response
    try {
      const refusal = this.refuse(request, body)
      if (refusal) throw new Refused(refusal)
      const result = this.route(request, body, url.searchParams, token)
      answer = result === undefined ? new Response(null, { status: 204 }) : Response.json(result)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const { refusal } = error
      answer = Response.json({ type: '', title: '', detail: refusal.code, ...refusal }, { status: statuses[refusal.code] })
    }
    // The answer is of the time of the request, however late it arrives.
    await this.hold(request)
    return answer
  }

  private route(request: string, body: Record<string, unknown>, query: URLSearchParams, token: string): unknown {
    const userId = this.users.has(token) ? token : null
    if (request === 'GET /server') return { name: 'Test', registration: 'open', setupRequired: this.users.size === 0, version: 'test', limits: { fileBytes: 1000 }, features: { files: true } }
    if (request === 'POST /auth/login') return this.login(body.username as string)
    if (request === 'POST /auth/refresh') return this.login(this.cookie)
    if (request === 'POST /auth/logout') return void (this.cookie = null)
    if (!userId) fail('unauthenticated')
    if (request === 'POST /ws-tickets') return { ticket: `${userId}/${++this.tickets}`, url: 'ws://parley.test/ws', expiresIn: 30, ...(this.socketLife > 0 && { maxAgeSeconds: this.socketLife }) }
    if (request === 'POST /sync') {
      const rooms = Object.entries(body.rooms as Record<string, number>).map(([id, last]) => this.sync(id, last, userId))
      if (body.wait === undefined) return { rooms }
      const heads = Object.fromEntries([...this.rooms].filter(([, r]) => r.members.has(userId)).map(([id, r]) => [id, r.room.headSeq]))
      return { rooms: rooms.filter((room) => !room.complete || room.events.length > 0), heads, connectionId: 'c1', retryAfterMs: 20 }
    }
    if (request === 'GET /presence') return { clients: [] }
    if (request === 'GET /rooms') return { rooms: [...this.rooms.values()].filter((r) => r.members.has(userId)).map((r) => this.mine(r, userId)) }
    if (request === 'GET /notifications') return { notifications: this.notices(userId) }
    if (request === 'GET /search') return this.search(query, userId)
    const upload = /^(POST|DELETE) \/uploads(?:\/([^/]+))?$/.exec(request)
    if (upload) return this.upload(upload[1]!, upload[2], body)
    const person = /^GET \/users\/([^/]+)$/.exec(request)
    if (person) return this.users.get(person[1]!) ?? fail('not_found')
    const [, method, roomId, rest = ''] = /^(\w+) \/rooms\/([^/]+)(.*)$/.exec(request) ?? []
    if (method && roomId) return this.roomRoute(method, this.rooms.get(roomId) ?? fail('not_found'), rest, body, query, userId)
    return fail('not_found')
  }

  /** Finds messages of the rooms that one is in, newest first; looks at `searchStep` of them for each page. */
  private search(query: URLSearchParams, userId: string): SearchPage {
    const text = query.get('query') ?? ''
    const words = wordsOf(text)
    if (words.length === 0 || words.length > maxWords || text.length > maxQuery) fail('invalid_request')
    const one = query.get('roomId')
    if (one && !this.rooms.get(one)?.members.has(userId)) fail(this.rooms.has(one) ? 'forbidden' : 'not_found')
    const all = [...this.rooms.values()].filter(({ room, members }) => members.has(userId) && (!one || room.roomId === one))
      .flatMap((made) => made.messages).sort((a, b) => b.createdAt - a.createdAt)
    const from = Number(query.get('cursor') ?? 0)
    const upTo = Math.min(from + this.searchStep, all.length)
    const messages = all.slice(from, upTo).filter((message) => {
      const key = searchKey([message.content, ...message.attachments.map((file) => file.filename)].join('\n'))
      return !message.deletedAt && (!query.get('userId') || message.userId === query.get('userId')) && words.every((word) => key.includes(word))
    })
    return { messages, ...(upTo < all.length && { cursor: String(upTo), searchedTo: all[upTo - 1]!.createdAt }) }
  }

  private upload(method: string, fileId: string | undefined, body: Record<string, unknown>): unknown {
    if (method === 'DELETE') return void this.files.delete(fileId ?? '')
    const made = `f${this.files.size + 1}`
    this.files.set(made, { filename: body.filename as string, text: '', roomId: body.roomId as string, taken: false })
    return { fileId: made, url: `/files/uploads/${made}`, method: 'PUT', headers: {}, expiresAt: this.now + 3_600_000 } satisfies Upload
  }

  /** In the place of an upload over XMLHttpRequest. */
  readonly putBytes: PutBytes = async ({ fileId, url }, bytes, signal, progress) => {
    this.seen.push(`PUT ${url}`)
    progress(0.5)
    await this.hold(`PUT ${url}`)
    if (this.down || signal.aborted) throw new ApiError('network', 'down')
    const refusal = this.refuse(`PUT ${url}`, {})
    if (refusal) throw new ApiError(refusal.code, refusal.code, refusal)
    this.files.get(fileId)!.text = await bytes.text()
    progress(1)
  }

  /** The files of a message as the server tells of them. */
  private attach(refs: { fileId: string }[]): Attachment[] {
    return refs.map(({ fileId }) => {
      const file = this.files.get(fileId) ?? fail('not_found')
      file.taken = true
      return { fileId, filename: file.filename, contentType: 'text/plain', size: file.text.length }
    })
  }

  private roomRoute(method: string, made: FakeRoom, rest: string, body: Record<string, unknown>, query: URLSearchParams, userId: string): unknown {
    const { roomId } = made.room
    if (!made.members.has(userId)) fail('forbidden')
    const [, reacted, emoji] = /^\/messages\/([^/]+)\/reactions\/(.+)$/.exec(rest) ?? []
    if (reacted && emoji) return this.react(made, reacted, decodeURIComponent(emoji), userId, method === 'PUT')
    const [, messageId] = /^\/messages\/([^/]+)$/.exec(rest) ?? []
    if (messageId) {
      const message = made.messages.find((m) => m.messageId === messageId) ?? fail('not_found')
      if (method === 'GET') return message
      const now = this.now
      return this.edit(roomId, messageId, method === 'PATCH' ? { content: body.content as string, editedAt: now } : { content: '', deletedAt: now })
    }
    switch (`${method} ${rest}`) {
      case 'GET ': return this.mine(made, userId)
      case 'GET /members': return { members: [...made.members.keys()].map((m) => ({ ...this.users.get(m)!, role: 'member', joinedAt: 1, online: false, lastSeen: 0 })) }
      case 'GET /messages': return page(made.messages, query)
      case 'POST /messages': return this.post(roomId, userId, body.content as string, body.clientMessageId as string, undefined, undefined, body.attachments as { fileId: string }[] | undefined)
      case 'PUT /read': return this.read(made, userId, body.seq as number)
      case 'PUT /notifications': return void (made.levels[userId] = body.level as NotifyLevel)
      case 'POST /leave': return void made.members.delete(userId)
    }
    return fail('not_found')
  }

  /** What means a person, newest first. */
  private notices(userId: string): Notice[] {
    return [...this.rooms.values()].flatMap(({ room, members, messages }) => messages
      .filter((message) => message.userId !== userId && message.mentions.includes(userId))
      .map((message) => ({ kind: 'mention' as const, message, room, read: message.seq <= (members.get(userId)?.readSeq ?? 0) })))
      .sort((a, b) => b.message.createdAt - a.message.createdAt)
  }

  private login(userId: string | null): unknown {
    const user = this.users.get(userId ?? '') ?? fail('unauthenticated')
    this.cookie = user.userId
    return { accessToken: user.userId, expiresIn: 900, user }
  }

  private mine(made: FakeRoom, userId: string): MyRoom {
    const { readSeq, joinedAt } = made.members.get(userId)!
    const unread = made.messages.filter((m) => m.seq > readSeq && m.userId !== userId)
    return {
      ...made.room, membership: { roomId: made.room.roomId, userId, role: 'member', joinedAt, readSeq },
      notify: made.levels[userId] ?? 'default', unread: unread.length, mentions: unread.filter((m) => m.mentions.includes(userId)).length, lastMessage: made.messages.at(-1),
      ...(made.room.kind === 'direct' && { members: [...made.members.keys()].map((m) => this.users.get(m)!) }),
    }
  }

  /** Takes an action from a socket. */
  act(socket: FakeSocket, { action, requestId, data }: { action: string; requestId?: string; data: unknown }): void {
    this.seen.push(action)
    const answer = (frame: ServerFrame) => socket.deliver({ ...frame, requestId })
    const refused = this.refuse(action, data as Record<string, unknown>)
    if (refused) return answer({ type: 'error', data: { message: refused.code, ...refused } })
    switch (action as keyof Actions) {
      case 'sendMessage': {
        const { roomId, content, clientMessageId, replyTo, attachments } = data as Actions['sendMessage']
        if (!this.rooms.get(roomId)?.members.has(socket.userId)) return answer({ type: 'error', data: { code: 'forbidden', message: 'no' } })
        const message = this.post(roomId, socket.userId, content, clientMessageId, socket, replyTo, attachments)
        if (this.losesAcks) return socket.drop(1006)
        return answer({ type: 'ack', data: { message } })
      }
      case 'sync':
        return answer({ type: 'synced', data: { rooms: Object.entries((data as Actions['sync']).rooms).map(([id, last]) => this.sync(id, last, socket.userId)) } })
      case 'ping':
        return answer({ type: 'pong', data: { rooms: Object.fromEntries([...this.rooms].filter(([, r]) => r.members.has(socket.userId)).map(([id, r]) => [id, r.room.headSeq])) } })
      case 'markRead': {
        const { roomId, seq } = data as Actions['markRead']
        this.read(this.rooms.get(roomId)!, socket.userId, seq)
        return answer({ type: 'ack', data: {} })
      }
      case 'getClients':
        return answer({ type: 'clients', data: { clients: [] } })
      case 'typing':
        return this.tell((data as Actions['typing']).roomId, { type: 'typing', data: { roomId: (data as Actions['typing']).roomId, userId: socket.userId } }, socket.userId)
    }
  }

  private sync(roomId: string, last: number, userId: string): SyncedRoom {
    const made = this.rooms.get(roomId)
    if (!made?.members.has(userId)) return { roomId, headSeq: 0, events: [], complete: false }
    const { headSeq } = made.room
    if (headSeq - last > this.syncLimit) return { roomId, headSeq, events: [], complete: false }
    const missed = made.log.filter((f) => logNumber(f) > last)
    const events = missed.slice(0, this.syncFits)
    return { roomId, headSeq, events, complete: true, ...(events.length < missed.length && { more: true }) }
  }
}

function page(messages: Message[], query: URLSearchParams): MessagePage {
  const limit = Number(query.get('limit') ?? 50)
  const number = (name: string) => (query.has(name) ? Number(query.get(name)) : null)
  const [before, after, around] = [number('before'), number('after'), number('around')]
  let from = Math.max(0, messages.length - limit)
  let to = messages.length
  if (before !== null) {
    to = messages.filter((m) => m.seq < before).length
    from = Math.max(0, to - limit)
  } else if (after !== null) {
    from = messages.filter((m) => m.seq <= after).length
    to = Math.min(messages.length, from + limit)
  } else if (around !== null) {
    from = Math.max(0, messages.filter((m) => m.seq < around).length - Math.floor(limit / 2))
    to = Math.min(messages.length, from + limit)
  }
  return { messages: messages.slice(from, to), hasMoreBefore: from > 0, hasMoreAfter: to < messages.length }
}

function fail(code: Problem['code']): never {
  throw new Refused({ code })
}
