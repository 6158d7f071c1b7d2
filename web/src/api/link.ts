import { backoff } from './backoff'
import type { Channel, ChannelHandlers } from './channel'
import { ApiError } from './errors'
import { SocketRefused } from './socket'

/** Close codes after which a client does not come back by itself. */
const stopping: ReadonlyMap<number, StopReason> = new Map([[4400, 'badFrame'], [4403, 'removed'], [4429, 'tooMany']])

const sessionEnded = 4401
const pingEvery = 25_000
const pongWithin = 10_000
const openWithin = 10_000

/** A connection that held this long was a good one: backoff starts anew after it. */
const stableAfter = 10_000

/** So often in a row a socket must fail to open, while the server answers otherwise, before the slower way is taken. */
const blockedAfter = 2
/** How long one stays on the slower way before a socket is tried again: this, then twice as long each time, up to the cap. */
const socketAgain = 30_000
const socketAgainCap = 300_000

export type StopReason = 'badFrame' | 'removed' | 'tooMany'

/** See stores/connection.ts for what each means; `expired` ends the link. */
export type LinkStatus =
  | { status: 'idle' | 'connecting' | 'syncing' | 'expired' }
  /** `slow`: without a socket. */
  | { status: 'open'; slow: boolean }
  | { status: 'waiting' | 'offline'; retryAt: number }
  | { status: 'stopped'; reason: StopReason }

export interface LinkOptions {
  /** A fresh ticket; rejects with ApiError `unauthenticated` when the session is over. */
  ticket: () => Promise<{ ticket: string; url: string }>
  /** Renews the access token after the server refused the session. */
  renew: () => Promise<void>
  open: (url: string, handlers: ChannelHandlers) => Promise<Channel>
  /** The way where no socket gets through. */
  poll: (handlers: ChannelHandlers) => Channel
  online: () => boolean
  now: () => number
  random: () => number
  onStatus: (status: LinkStatus) => void
  onFrame: ChannelHandlers['frame']
  /** The socket is open and its frames arrive: fetch what was missed. A rejection counts as a failed connection. */
  onOpen: (socket: Channel) => Promise<void>
  /** The heads of the rooms' logs, at each heartbeat. */
  onHeads: (heads: Record<string, number>) => void
  /** An attempt failed, or a connection was lost. */
  onLost: () => void
}

/** How one connection, or the attempt at one, ended; `switched`: to try a socket again. */
type Ending = { kind: 'lost'; waitAtLeast: number } | { kind: 'switched' } | { kind: 'refused' } | { kind: 'expired' } | { kind: 'stopped'; reason: StopReason }

/** Keeps one socket open, from `start` to `stop`: connects, beats, and comes back with growing, jittered pauses. */
export class Link {
  private readonly options: LinkOptions
  private abort: AbortController | null = null
  private socket: Channel | null = null
  private wake: () => void = () => {}
  /** Sockets in a row that did not open, and how often one was then tried in vain from the slower way. */
  private blocked = 0
  private vain = 0
  /** Ends the slower way for a socket. */
  private switchNow: () => void = () => {}

  constructor(options: LinkOptions) {
    this.options = options
  }

  /** The open socket, if there is one. */
  get current(): Channel | null {
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

  /** Ends the pause before the next attempt, or the slower way. */
  retryNow(): void {
    this.wake()
    this.switchNow()
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
      if (ending.kind === 'switched') continue
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
    const timers: ReturnType<typeof setTimeout>[] = []
    try {
      const socket = await this.channel({ frame: this.options.onFrame, closed: (code) => close(code) })
      const slow = this.blocked >= blockedAfter
      if (signal.aborted) {
        socket.close()
        return { kind: 'lost', waitAtLeast: 0 }
      }
      this.socket = socket
      this.options.onStatus({ status: 'syncing' })
      const caughtUp = await Promise.race([this.options.onOpen(socket).then(() => true), closed.then(() => false)])
      if (!caughtUp) return ending(await closed)
      socket.caughtUp()
      this.options.onStatus({ status: 'open', slow })
      timers.push(setInterval(() => void this.beat(socket), pingEvery))
      const switched = new Promise<Ending>((resolve) => { this.switchNow = () => resolve({ kind: 'switched' }) })
      if (!slow) return ending(await closed)
      timers.push(setTimeout(() => this.switchNow(), Math.min(socketAgain * 2 ** this.vain++, socketAgainCap) * (0.8 + 0.4 * this.options.random())))
      const end = await Promise.race([switched, closed.then(ending)])
      // The last one of these tries a socket; if it fails too, the slower way goes on at once.
      if (end.kind === 'switched') {
        socket.close()
        this.blocked = blockedAfter - 1
      }
      return end
    } catch (error) {
      this.socket?.close()
      if (error instanceof SocketRefused) return ending(error.code)
      if (error instanceof ApiError && error.code === 'unauthenticated') return { kind: 'expired' }
      return { kind: 'lost', waitAtLeast: (error instanceof ApiError && error.retryAfterMs) || 0 }
    } finally {
      for (const timer of timers) clearInterval(timer)
      this.switchNow = () => {}
    }
  }

  /** Opens a socket; or, where the server answers but sockets failed several times in a row, takes the slower way. */
  private async channel(handlers: ChannelHandlers): Promise<Channel> {
    const { ticket, url } = await this.options.ticket()
    try {
      const socket = await within(this.options.open(`${url}?ticket=${encodeURIComponent(ticket)}`, handlers), openWithin)
      this.blocked = this.vain = 0
      return socket
    } catch (error) {
      if (error instanceof SocketRefused && ending(error.code).kind !== 'lost') throw error
      if (++this.blocked < blockedAfter) throw error
      return this.options.poll(handlers)
    }
  }

  private async beat(socket: Channel): Promise<void> {
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
function within(opening: Promise<Channel>, ms: number): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ApiError('network', 'The connection took too long.'))
      void opening.then((socket) => socket.close(), () => {})
    }, ms)
    opening.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
