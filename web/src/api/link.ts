import { backoff } from './backoff'
import { ApiError } from './errors'
import { type Socket, SocketRefused, type SocketHandlers } from './socket'

/** Close codes after which a client does not come back by itself. */
const stopping: ReadonlyMap<number, StopReason> = new Map([[4400, 'badFrame'], [4403, 'removed'], [4429, 'tooMany']])

const sessionEnded = 4401
const pingEvery = 25_000
const pongWithin = 10_000
const openWithin = 10_000

/** A connection that held this long was a good one: backoff starts anew after it. */
const stableAfter = 10_000

export type StopReason = 'badFrame' | 'removed' | 'tooMany'

/** See stores/connection.ts for what each means; `expired` ends the link. */
export type LinkStatus =
  | { status: 'idle' | 'connecting' | 'syncing' | 'open' | 'expired' }
  | { status: 'waiting' | 'offline'; retryAt: number }
  | { status: 'stopped'; reason: StopReason }

export interface LinkOptions {
  /** A fresh ticket; rejects with ApiError `unauthenticated` when the session is over. */
  ticket: () => Promise<{ ticket: string; url: string }>
  /** Renews the access token after the server refused the session. */
  renew: () => Promise<void>
  open: (url: string, handlers: SocketHandlers) => Promise<Socket>
  online: () => boolean
  now: () => number
  random: () => number
  onStatus: (status: LinkStatus) => void
  onFrame: SocketHandlers['frame']
  /** The socket is open and its frames arrive: fetch what was missed. A rejection counts as a failed connection. */
  onOpen: (socket: Socket) => Promise<void>
  /** The heads of the rooms' logs, at each heartbeat. */
  onHeads: (heads: Record<string, number>) => void
  /** An attempt failed, or a connection was lost. */
  onLost: () => void
}

/** How one connection, or the attempt at one, ended. */
type Ending = { kind: 'lost'; waitAtLeast: number } | { kind: 'refused' } | { kind: 'expired' } | { kind: 'stopped'; reason: StopReason }

/** Keeps one socket open, from `start` to `stop`: connects, beats, and comes back with growing, jittered pauses. */
export class Link {
  private readonly options: LinkOptions
  private abort: AbortController | null = null
  private socket: Socket | null = null
  private wake: () => void = () => {}

  constructor(options: LinkOptions) {
    this.options = options
  }

  /** The open socket, if there is one. */
  get current(): Socket | null {
    return this.socket?.isOpen ? this.socket : null
  }

  start(): void {
    if (this.abort) return
    this.abort = new AbortController()
    void this.run(this.abort.signal)
  }

  stop(): void {
    this.abort?.abort()
    this.abort = null
    this.socket?.close()
    this.socket = null
    this.wake()
    this.options.onStatus({ status: 'idle' })
  }

  /** Ends the pause before the next attempt. */
  retryNow(): void {
    this.wake()
  }

  /** The browser says that the network is gone: a socket would notice only much later. */
  networkLost(): void {
    this.socket?.abandon()
  }

  /** Finds out soon whether the socket still lives, e.g. when a page is looked at again. */
  probe(): void {
    if (this.current) void this.beat(this.current)
    else this.wake()
  }

  private async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    let refusals = 0
    while (!signal.aborted) {
      const began = this.options.now()
      const ending = await this.connection(signal)
      if (signal.aborted) return
      this.socket = null
      this.options.onLost()
      if (this.options.now() - began > stableAfter) failures = refusals = 0
      if (ending.kind === 'refused' && ++refusals === 1 && await this.renewed()) continue
      if (ending.kind === 'expired' || (ending.kind === 'refused' && refusals > 1)) {
        this.abort = null
        return this.options.onStatus({ status: 'expired' })
      }
      if (ending.kind === 'stopped') {
        this.options.onStatus({ status: 'stopped', reason: ending.reason })
        await this.pause(signal)
        continue
      }
      const wait = Math.max(backoff(++failures, this.options.random), ending.kind === 'lost' ? ending.waitAtLeast : 0)
      this.options.onStatus({ status: this.options.online() ? 'waiting' : 'offline', retryAt: this.options.now() + wait })
      if (await this.pause(signal, wait)) failures = 0
    }
  }

  /** Renews the token; false if that failed for now. A session that is over shows at the next ticket. */
  private async renewed(): Promise<boolean> {
    try {
      await this.options.renew()
      return true
    } catch (error) {
      return error instanceof ApiError && error.code === 'unauthenticated'
    }
  }

  /** Makes a connection and lives through it. */
  private async connection(signal: AbortSignal): Promise<Ending> {
    this.options.onStatus({ status: 'connecting' })
    let close: (code: number) => void = () => {}
    const closed = new Promise<number>((resolve) => { close = resolve })
    let heartbeat: ReturnType<typeof setInterval> | undefined
    try {
      const { ticket, url } = await this.options.ticket()
      if (signal.aborted) return { kind: 'lost', waitAtLeast: 0 }
      const opening = this.options.open(`${url}?ticket=${encodeURIComponent(ticket)}`, { frame: this.options.onFrame, closed: (code) => close(code) })
      const socket = await within(opening, openWithin)
      if (signal.aborted) {
        socket.close()
        return { kind: 'lost', waitAtLeast: 0 }
      }
      this.socket = socket
      this.options.onStatus({ status: 'syncing' })
      const caughtUp = await Promise.race([this.options.onOpen(socket).then(() => true), closed.then(() => false)])
      if (caughtUp) {
        this.options.onStatus({ status: 'open' })
        heartbeat = setInterval(() => void this.beat(socket), pingEvery)
      }
      return ending(await closed)
    } catch (error) {
      this.socket?.close()
      if (error instanceof SocketRefused) return ending(error.code)
      if (error instanceof ApiError && error.code === 'unauthenticated') return { kind: 'expired' }
      return { kind: 'lost', waitAtLeast: (error instanceof ApiError && error.retryAfterMs) || 0 }
    } finally {
      clearInterval(heartbeat)
    }
  }

  private async beat(socket: Socket): Promise<void> {
    try {
      const { rooms } = await socket.request('ping', {}, pongWithin)
      this.options.onHeads(rooms)
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'network') socket.abandon()
    }
  }

  /** Waits; true if woken before the time (or without one, in any case). */
  private pause(signal: AbortSignal, ms?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => end(false), ms)
      const end = (woken: boolean) => {
        clearTimeout(timer)
        this.wake = () => {}
        resolve(woken)
      }
      this.wake = () => end(true)
      if (signal.aborted) end(true)
    })
  }
}

function ending(code: number): Ending {
  const reason = stopping.get(code)
  if (reason) return { kind: 'stopped', reason }
  return code === sessionEnded ? { kind: 'refused' } : { kind: 'lost', waitAtLeast: 0 }
}

/** Rejects when opening takes too long, and closes the socket should it open after all. */
function within(opening: Promise<Socket>, ms: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ApiError('network', 'The connection took too long.'))
      void opening.then((socket) => socket.close(), () => {})
    }, ms)
    opening.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
