import type { LoginResult, Message, MessagePage, MyRoom, NotificationRules, RegisterResult, Role, User } from '../../src/protocol/types'

export const password = 'nine purple otters hum'

/** The HTTP API in the name of one person, for what a story presupposes and for what it must leave behind. */
export class Api {
  readonly user: User
  private readonly url: string
  private readonly token: string

  private constructor(url: string, { user, accessToken }: LoginResult) {
    this.url = url
    this.user = user
    this.token = accessToken
  }

  /** Registers a person and signs in. The first one of a server is asked for the server's name too. */
  static async register(url: string, username: string, displayName: string, serverName?: string): Promise<Api> {
    await call<RegisterResult>(url, '', 'POST', '/auth/register', { username, displayName, password, ...(serverName && { serverName }) })
    return new Api(url, await call<LoginResult>(url, '', 'POST', '/auth/login', { username, password }))
  }

  get username(): string {
    return this.user.username
  }

  async rooms(): Promise<MyRoom[]> {
    return (await this.call<{ rooms: MyRoom[] }>('GET', '/rooms?scope=mine')).rooms
  }

  createRoom(kind: 'public' | 'private', name: string, topic = ''): Promise<MyRoom> {
    return this.call('POST', '/rooms', { kind, name, topic })
  }

  join(roomId: string): Promise<MyRoom> {
    return this.call('POST', `/rooms/${roomId}/join`, {})
  }

  add(roomId: string, who: Api, role?: Role): Promise<unknown> {
    return this.call('PUT', `/rooms/${roomId}/members/${who.user.userId}`, role ? { role } : {})
  }

  direct(...others: Api[]): Promise<MyRoom> {
    return this.call('POST', '/direct', { userIds: others.map((other) => other.user.userId) })
  }

  send(roomId: string, content: string, replyTo?: string): Promise<Message> {
    return this.call('POST', `/rooms/${roomId}/messages`, { content, clientMessageId: crypto.randomUUID(), ...(replyTo && { replyTo }) })
  }

  edit({ roomId, messageId }: Message, content: string): Promise<Message> {
    return this.call('PATCH', `/rooms/${roomId}/messages/${messageId}`, { content })
  }

  delete({ roomId, messageId }: Message): Promise<unknown> {
    return this.call('DELETE', `/rooms/${roomId}/messages/${messageId}`)
  }

  react({ roomId, messageId }: Message, emoji: string): Promise<Message> {
    return this.call('PUT', `/rooms/${roomId}/messages/${messageId}/reactions/${encodeURIComponent(emoji)}`)
  }

  /** Says how far the person has read, as another device of theirs would. */
  markRead(roomId: string, seq: number): Promise<unknown> {
    return this.call('PUT', `/rooms/${roomId}/read`, { seq })
  }

  /** Ends every session of the person. */
  endSessions(): Promise<unknown> {
    return this.call('DELETE', '/sessions')
  }

  rules(): Promise<NotificationRules> {
    return this.call('GET', '/me/notifications')
  }

  setRules(rules: NotificationRules): Promise<unknown> {
    return this.call('PUT', '/me/notifications', rules)
  }

  /** Everything said in a room, as the server has stored it, oldest first. */
  async history(roomId: string): Promise<Message[]> {
    let all: Message[] = []
    for (let before = '', more = true; more;) {
      const page = await this.call<MessagePage>('GET', `/rooms/${roomId}/messages?limit=100${before}`)
      all = [...page.messages, ...all]
      more = page.hasMoreBefore
      before = `&before=${all[0]?.seq}`
    }
    return all
  }

  private call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return call<T>(this.url, this.token, method, path, body)
  }
}

async function call<T>(url: string, token: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (response.status === 204 ? undefined : await response.json()) as T
}
