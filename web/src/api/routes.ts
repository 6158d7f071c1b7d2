import type {
  Attachment, Erasure, FileLink, Invite, InvitePreview, LoginResult, Member, Membership, Message, MessagePage, MyRoom, Notice,
  NotificationRules, NotifyLevel, PageBounds, Presence, PublicRoom, PushDevice, PushResult, ReadMark, RegisterInput, RegisterResult, Role, Room,
  SearchInput, SearchPage, SendInput,
  ServerInfo, Session, Upload, User, Waited,
} from '../protocol/types'
import type { Http } from './http'

export interface Paged { cursor?: string }

/** The routes of the HTTP API, one function each; see the contract. */
export class Routes {
  private readonly http: Http

  constructor(http: Http) {
    this.http = http
  }

  server = () => this.http.request<ServerInfo>('GET', '/server', { auth: false })
  register = (input: RegisterInput) => this.http.request<RegisterResult>('POST', '/auth/register', { auth: false, body: input })
  login = (username: string, password: string) => this.http.request<LoginResult>('POST', '/auth/login', { auth: false, body: { username, password } })
  logout = () => this.http.request<void>('POST', '/auth/logout', { auth: false, body: {} })

  me = () => this.http.get<User>('/me')
  updateMe = (patch: { displayName: string }) => this.http.request<User>('PATCH', '/me', { body: patch })
  setAvatar = (image: Blob) => this.http.request<User>('PUT', '/me/avatar', { body: image })
  removeAvatar = () => this.http.request<void>('DELETE', '/me/avatar')
  changePassword = (currentPassword: string, newPassword: string) =>
    this.http.request<void>('PUT', '/me/password', { body: { currentPassword, newPassword } })
  sessions = () => this.http.get<{ sessions: Session[] }>('/sessions')
  endSession = (sessionId: string) => this.http.request<void>('DELETE', `/sessions/${seg(sessionId)}`)
  endSessions = () => this.http.request<void>('DELETE', '/sessions')

  user = (userId: string) => this.http.get<User>(`/users/${seg(userId)}`)
  users = (query: string, cursor?: string) => this.http.get<{ users: User[] } & Paged>('/users', { query, cursor })
  presence = (roomId?: string) => this.http.get<{ clients: Presence[] }>('/presence', { roomId })

  myRooms = (cursor?: string) => this.http.get<{ rooms: MyRoom[] } & Paged>('/rooms', { scope: 'mine', limit: 100, cursor })
  publicRooms = (query: string, cursor?: string) => this.http.get<{ rooms: PublicRoom[] } & Paged>('/rooms', { scope: 'public', query, cursor })
  /** A public room that one is not in has no membership. */
  room = (roomId: string) => this.http.get<MyRoom | (Room & { membership?: undefined })>(`/rooms/${seg(roomId)}`)
  createRoom = (input: { kind: 'public' | 'private'; name: string; topic?: string }) => this.http.request<MyRoom>('POST', '/rooms', { body: input })
  updateRoom = (roomId: string, patch: { name?: string; topic?: string }) => this.http.request<MyRoom>('PATCH', `/rooms/${seg(roomId)}`, { body: patch })
  removeRoom = (roomId: string) => this.http.request<void>('DELETE', `/rooms/${seg(roomId)}`)
  join = (roomId: string) => this.http.request<MyRoom>('POST', `/rooms/${seg(roomId)}/join`, { body: {} })
  leave = (roomId: string) => this.http.request<void>('POST', `/rooms/${seg(roomId)}/leave`, { body: {} })
  direct = (userIds: string[]) => this.http.request<MyRoom>('POST', '/direct', { body: { userIds } })
  members = (roomId: string, cursor?: string) => this.http.get<{ members: Member[] } & Paged>(`/rooms/${seg(roomId)}/members`, { cursor })
  /** The members of a room whose names begin so; all in one answer, a hundred at most. */
  membersNamed = (roomId: string, query: string) => this.http.get<{ members: Member[] }>(`/rooms/${seg(roomId)}/members`, { query, limit: 100 })
  setMember = (roomId: string, userId: string, role?: Role) =>
    this.http.request<Membership>('PUT', `/rooms/${seg(roomId)}/members/${seg(userId)}`, { body: role ? { role } : {} })
  removeMember = (roomId: string, userId: string) => this.http.request<void>('DELETE', `/rooms/${seg(roomId)}/members/${seg(userId)}`)

  messages = (roomId: string, bounds: PageBounds) => this.http.get<MessagePage>(`/rooms/${seg(roomId)}/messages`, { ...bounds })
  search = (input: SearchInput, signal?: AbortSignal) => this.http.request<SearchPage>('GET', '/search', { query: { ...input }, signal })
  message = (roomId: string, messageId: string) => this.http.get<Message>(`/rooms/${seg(roomId)}/messages/${seg(messageId)}`)
  send = ({ roomId, ...message }: SendInput) => this.http.request<Message>('POST', `/rooms/${seg(roomId)}/messages`, { body: message })
  edit = (roomId: string, messageId: string, content: string) =>
    this.http.request<Message>('PATCH', `/rooms/${seg(roomId)}/messages/${seg(messageId)}`, { body: { content } })
  removeMessage = (roomId: string, messageId: string) =>
    this.http.request<Message>('DELETE', `/rooms/${seg(roomId)}/messages/${seg(messageId)}`)
  react = (roomId: string, messageId: string, emoji: string) =>
    this.http.request<Message>('PUT', `/rooms/${seg(roomId)}/messages/${seg(messageId)}/reactions/${seg(emoji)}`)
  unreact = (roomId: string, messageId: string, emoji: string) =>
    this.http.request<Message>('DELETE', `/rooms/${seg(roomId)}/messages/${seg(messageId)}/reactions/${seg(emoji)}`)
  userMessages = (userId: string, cursor?: string) => this.http.get<{ messages: Message[] } & Paged>(`/users/${seg(userId)}/messages`, { cursor, limit: 30 })
  reads = (roomId: string) => this.http.get<{ reads: ReadMark[] }>(`/rooms/${seg(roomId)}/reads`)
  setNotify = (roomId: string, level: NotifyLevel) => this.http.request<void>('PUT', `/rooms/${seg(roomId)}/notifications`, { body: { level } })
  notificationRules = () => this.http.get<NotificationRules>('/me/notifications')
  setNotificationRules = (rules: NotificationRules) => this.http.request<unknown>('PUT', '/me/notifications', { body: rules })
  notifications = (cursor?: string) => this.http.get<{ notifications: Notice[] } & Paged>('/notifications', { cursor, limit: 30 })

  startUpload = (input: { roomId: string; filename: string; contentType: string; size: number }) => this.http.request<Upload>('POST', '/uploads', { body: input })
  finishUpload = (fileId: string) => this.http.request<Attachment>('POST', `/uploads/${seg(fileId)}/done`, { body: {} })
  cancelUpload = (fileId: string) => this.http.request<void>('DELETE', `/uploads/${seg(fileId)}`)
  file = (fileId: string) => this.http.get<FileLink>(`/files/${seg(fileId)}`)

  exportMe = () => this.http.download('/me/export', { link: 1 })
  eraseMe = (password: string) => this.http.request<Erasure>('DELETE', '/me', { body: { password } })
  markRead = (roomId: string, seq: number) => this.http.request<unknown>('PUT', `/rooms/${seg(roomId)}/read`, { body: { seq } })

  invites = () => this.http.get<{ invites: Invite[] }>('/invites')
  createInvite = (input: { roomId?: string; expiresIn?: number; maxUses?: number }) => this.http.request<Invite>('POST', '/invites', { body: input })
  revokeInvite = (inviteId: string) => this.http.request<void>('DELETE', `/invites/${seg(inviteId)}`)
  previewInvite = (token: string) => this.http.request<InvitePreview>('GET', `/invites/${seg(token)}`, { auth: false })
  acceptInvite = (token: string) => this.http.request<{ room?: MyRoom }>('POST', `/invites/${seg(token)}/accept`, { body: {} })

  /** What was missed. With `wait` (seconds) it is answered as soon as there is something to tell, in place of a socket. */
  sync = (body: { rooms: Record<string, number>; wait?: number; connectionId?: string }, signal?: AbortSignal) =>
    this.http.request<Waited>('POST', '/sync', { body, signal, within: ((body.wait ?? 0) + 15) * 1000 })
  typing = (roomId: string) => this.http.request<void>('POST', `/rooms/${seg(roomId)}/typing`, { body: {} })

  pushKey = () => this.http.get<{ publicKey: string }>('/push/key')
  putSubscription = (subscription: { endpoint: string; keys: Record<string, string>; device: string; language: string }) =>
    this.http.request<{ subscriptionId: string }>('PUT', '/push/subscriptions', { body: subscription })
  subscriptions = () => this.http.get<{ subscriptions: PushDevice[] }>('/push/subscriptions')
  dropSubscription = (endpoint: string) => this.http.request<void>('DELETE', '/push/subscriptions', { body: { endpoint } })
  testPush = () => this.http.request<{ results: PushResult[] }>('POST', '/push/test', { body: {} })

  /** What opens one socket; `maxAgeSeconds` where the server ends sockets of that age. */
  ticket = () => this.http.request<{ ticket: string; url: string; expiresIn: number; maxAgeSeconds?: number }>('POST', '/ws-tickets', { body: {} })
}

function seg(value: string): string {
  return encodeURIComponent(value)
}
