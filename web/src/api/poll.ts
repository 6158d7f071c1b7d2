import type { Actions, Answers, SyncedRoom } from '../protocol/types'
import type { Channel, ChannelHandlers } from './channel'
import { ApiError } from './errors'
import type { Routes } from './routes'

/** How long the server may wait for something to tell, in seconds. */
const wait = 25
/** The least pause between two requests, in milliseconds, should the server always answer at once. */
const breath = 100

const lost = 1006
const sessionEnded = 4401

export interface PollHandlers extends ChannelHandlers {
  /** How far each of one's rooms was taken in. */
  held: () => Record<string, number>
  /** Takes in what the rooms' logs have more. */
  synced: (rooms: readonly SyncedRoom[]) => Promise<void>
  /** The heads of the rooms' logs. */
  heads: (heads: Record<string, number>) => void
}

/**
 * The connection where the network lets no socket through: requests that the server answers as soon as there is something
 * to tell. What has a number comes from the logs, so an answer that is lost is told again by the next.
 */
export class Poll implements Channel {
  private readonly routes: Routes
  private readonly handlers: PollHandlers
  private readonly abort = new AbortController()
  private connectionId: string | undefined
  private heads: Record<string, number> = {}

  constructor(routes: Routes, handlers: PollHandlers) {
    this.routes = routes
    this.handlers = handlers
  }

  get isOpen(): boolean {
    return !this.abort.signal.aborted
  }

  caughtUp(): void {
    void this.run()
  }

  async request<A extends keyof Answers>(action: A, data: Actions[A]): Promise<Answers[A]> {
    const actions: { [B in keyof Answers]: (data: Actions[B]) => Promise<Answers[B]> } = {
      sendMessage: async (input) => ({ message: await this.routes.send(input) }),
      getMessages: async ({ roomId, ...bounds }) => ({ roomId, ...await this.routes.messages(roomId, bounds) }),
      getClients: ({ roomId }) => this.routes.presence(roomId) as Promise<Answers['getClients']>,
      sync: ({ rooms }) => this.routes.sync({ rooms }),
      markRead: async ({ roomId, seq }) => { await this.routes.markRead(roomId, seq); return {} },
      // The requests that wait are the heartbeat.
      ping: () => Promise.resolve({ rooms: this.heads }),
    }
    return actions[action](data)
  }

  post<A extends keyof Actions>(action: A, data: Actions[A]): void {
    if (action === 'typing' && this.isOpen) this.routes.typing((data as Actions['typing']).roomId).catch(() => {})
  }

  retire(): void {
    this.close()
  }

  close(): void {
    this.abort.abort()
  }

  abandon(): void {
    this.end(lost)
  }

  private end(code: number): void {
    if (!this.isOpen) return
    this.close()
    this.handlers.closed(code)
  }

  private async run(): Promise<void> {
    const { signal } = this.abort
    while (this.isOpen) {
      let pause = breath
      try {
        const answer = await this.routes.sync({ rooms: this.handlers.held(), wait, connectionId: this.connectionId }, signal)
        if (!this.isOpen) return
        this.connectionId = answer.connectionId
        this.heads = answer.heads ?? this.heads
        for (const frame of answer.signals ?? []) this.handlers.frame(frame)
        await this.handlers.synced(answer.rooms)
        this.handlers.heads(this.heads)
        pause = Math.max(pause, answer.retryAfterMs ?? 0)
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        if (error.code === 'unauthenticated') return this.end(sessionEnded)
        if (error.retryAfterMs === undefined) return this.end(lost)
        pause = error.retryAfterMs
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}
