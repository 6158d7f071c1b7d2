import type { ServerFrame } from '../protocol/types'
import type { FakeServer } from './fakeServer'

/** The WebSocket of a FakeServer: the part of the interface that Parley uses, delivering in tasks of its own. */
export class FakeSocket {
  readyState = 0
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  readonly userId: string
  private readonly server: FakeServer
  /** When the last frame of each way arrives. */
  private readonly due = { in: 0, out: 0 }

  constructor(server: FakeServer, url: string) {
    this.server = server
    this.userId = new URL(url).searchParams.get('ticket')!.split('/')[0]!
    queueMicrotask(() => this.open())
  }

  private open(): void {
    if (this.server.down) return this.drop(1006)
    const refused = this.server.refuse('connect', {})
    if (refused?.status) return this.drop(refused.status)
    this.readyState = 1
    this.server.sockets.add(this)
    if (this.server.socketLife > 0) setTimeout(() => this.drop(1001), this.server.socketLife * 1000)
    this.onopen?.()
  }

  send(data: string): void {
    const frame = JSON.parse(data) as { action: string; requestId?: string; data: unknown }
    this.carry('out', frame, () => this.server.act(this, frame))
  }

  deliver(frame: ServerFrame): void {
    const data = JSON.stringify(frame)
    this.carry('in', frame, () => this.onmessage?.({ data }))
  }

  private carry(way: 'in' | 'out', frame: { type: string } | { action: string }, arrive: () => void): void {
    const arriveIfOpen = () => { if (this.readyState === 1) arrive() }
    const now = Date.now()
    this.due[way] = Math.max(this.due[way], now + this.server.delay(frame, this))
    if (this.due[way] > now) setTimeout(arriveIfOpen, this.due[way] - now)
    else queueMicrotask(arriveIfOpen)
  }

  close(code = 1000): void {
    this.drop(code)
  }

  /** Ends the connection from either side. */
  drop(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.server.sockets.delete(this)
    queueMicrotask(() => this.onclose?.({ code }))
  }
}

/** A WebSocket class whose sockets lead to `server`. */
export function socketsOf(server: FakeServer): typeof WebSocket {
  return function open(url: string) { return new FakeSocket(server, url) } as unknown as typeof WebSocket
}
