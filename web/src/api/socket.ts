import type { Actions, Answers, ServerFrame } from '../protocol/types'
import type { Channel, ChannelHandlers } from './channel'
import { ApiError } from './errors'

const answerWithin = 15_000

/** What this tab closes with when no pong came. */
export const noPong = 4000

interface Waiting {
  resolve: (data: never) => void
  reject: (error: ApiError) => void
  timer: ReturnType<typeof setTimeout>
}

/** One open socket: sends actions, matches answers to them. It never reconnects; see Link. */
export class Socket implements Channel {
  private readonly ws: WebSocket
  private readonly handlers: ChannelHandlers
  private readonly waiting = new Map<string, Waiting>()
  private lastId = 0
  private done = false
  private retiring = false

  private constructor(ws: WebSocket, handlers: ChannelHandlers) {
    this.ws = ws
    this.handlers = handlers
    ws.onmessage = (event) => this.receive(event.data)
    ws.onclose = (event) => this.end(event.code)
  }

  /** Opens a socket; rejects with the close code if it closes before it is open. */
  static open(url: string, handlers: ChannelHandlers, WebSocketClass: typeof WebSocket = WebSocket): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocketClass(url, ['parley.v1'])
      ws.onopen = () => resolve(new Socket(ws, handlers))
      ws.onclose = (event) => reject(new SocketRefused(event.code))
    })
  }

  /** Sends an action and waits for its answer; rejects with ApiError (`network` if the socket goes or nothing comes). */
  request<A extends keyof Answers>(action: A, data: Actions[A], within = answerWithin): Promise<Answers[A]> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(gone())
      const requestId = String(++this.lastId)
      const timer = setTimeout(() => {
        this.waiting.delete(requestId)
        reject(gone())
        this.closeIfDue()
      }, within)
      this.waiting.set(requestId, { resolve: resolve, reject, timer })
      this.ws.send(JSON.stringify({ action, requestId, data }))
    })
  }

  /** Sends an action that has no answer; does nothing if the socket is gone. */
  post<A extends keyof Actions>(action: A, data: Actions[A]): void {
    if (this.isOpen) this.ws.send(JSON.stringify({ action, data }))
  }

  get isOpen(): boolean {
    return !this.done && this.ws.readyState === 1
  }

  /** A socket tells from the beginning: whoever listens keeps it until the time has come. */
  caughtUp(): void {}

  /** Closes as `close` does, once no request waits for its answer. */
  retire(): void {
    this.retiring = true
    this.closeIfDue()
  }

  /** Closes without a word to `closed`. */
  close(code = 1000): void {
    this.finish()
    this.ws.close(code)
  }

  /** Gives a socket up that no longer answers, as if it had closed: `close` alone may wait long for the other side. */
  abandon(): void {
    if (this.done) return
    this.close(noPong)
    this.handlers.closed(noPong)
  }

  private receive(data: unknown): void {
    if (this.done || typeof data !== 'string') return
    let frame: ServerFrame
    try {
      frame = JSON.parse(data) as ServerFrame
    } catch {
      return
    }
    this.handlers.frame(frame)
    const waiting = frame.requestId === undefined ? undefined : this.waiting.get(frame.requestId)
    if (!waiting) return
    this.waiting.delete(frame.requestId!)
    clearTimeout(waiting.timer)
    if (frame.type === 'error') waiting.reject(ApiError.fromFrame(frame.data, frame.requestId))
    else waiting.resolve(frame.data as never)
    this.closeIfDue()
  }

  private closeIfDue(): void {
    if (this.retiring && !this.done && this.waiting.size === 0) this.close()
  }

  private end(code: number): void {
    if (this.done) return
    this.finish()
    this.handlers.closed(code)
  }

  private finish(): void {
    this.done = true
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer)
      reject(gone())
    }
    this.waiting.clear()
  }
}

/** The socket closed before it was open. */
export class SocketRefused extends Error {
  readonly code: number

  constructor(code: number) {
    super(`The socket was refused with ${code}.`)
    this.code = code
  }
}

function gone(): ApiError {
  return new ApiError('network', 'The connection is gone.')
}
