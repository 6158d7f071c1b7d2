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

/** When in a socket's life the next one is opened: at a random moment between these parts of it. */
const nextFrom = 0.9
const nextTo = 0.97

/** Browsers take a longer one for none at all. */
const longestTimer = 2 ** 31 - 1

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
  ticket: () => Promise<{ ticket: string; url: string; maxAgeSeconds?: number }>
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
  /** The next socket is open, and frames arrive from both: fetch what neither told. A rejection counts as a failed attempt. */
  onNext: (socket: Channel) => Promise<void>
  /** The next socket has taken the place of the former. */
  onHandedOver: (socket: Channel) => void
  /** The heads of the rooms' logs, at each heartbeat. */
  onHeads: (heads: Record<string, number>) => void
  /** An attempt failed, or a connection was lost. */
  onLost: () => void
}

/** How one connection, or the attempt at one, ended; `switched`: to try a socket again. */
type Ending = { kind: 'lost'; waitAtLeast: number } | { kind: 'switched' } | { kind: 'refused' } | { kind: 'expired' } | { kind: 'stopped'; reason: StopReason }

/** One channel, and how it ends if nobody here closes it. */
interface Line {
  channel: Channel
  closed: Promise<Ending>
  /** Milliseconds after which the server ends it, if it does. */
  life?: number
}

/**
 * Keeps one socket open, from `start` to `stop`: connects, beats, and comes back with growing, jittered pauses. Where the
 * server ends sockets after a time, the next one is opened before and takes over without a break.
 */
export class Link {
  private readonly options: LinkOptions
  private abort: AbortController | null = null
  private line: Line | null = null
  /** During a hand-over: the one that is to follow, then the one that awaits its last answers. */
  private next: Channel | null = null
  private former: Channel | null = null
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
    return this.line?.channel.isOpen ? this.line.channel : null
  }

  start(): void {
    if (this.abort) return
    this.abort = new AbortController()
    void this.run(this.abort.signal)
  }

  stop(): void {
    this.abort?.abort()
    this.abort = null
    this.closeAll()
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
    this.line?.channel.abandon()
  }

  private closeAll(): void {
    for (const channel of [this.former, this.next, this.line?.channel]) channel?.close()
    this.former = this.next = this.line = null
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

  /** Makes a connection and lives through it, as long as one socket hands over to the next. */
  private async connection(signal: AbortSignal): Promise<Ending> {
    this.options.onStatus({ status: 'connecting' })
    let beating: ReturnType<typeof setInterval> | undefined
    try {
      let line = await this.openLine(this.anyChannel)
      const slow = this.blocked >= blockedAfter
      if (signal.aborted) {
        line.channel.close()
        return lost
      }
      this.line = line
      this.options.onStatus({ status: 'syncing' })
      const caughtUp = await Promise.race([this.options.onOpen(line.channel).then(() => true), line.closed.then(() => false)])
      if (!caughtUp) return await line.closed
      line.channel.caughtUp()
      this.options.onStatus({ status: 'open', slow })
      beating = setInterval(() => { if (this.current) void this.beat(this.current) }, pingEvery)
      if (slow) return await this.slowly(line)
      for (;;) {
        const next = await this.successor(line, signal)
        if ('kind' in next) return next
        line = next
      }
    } catch (error) {
      if (error instanceof SocketRefused) return ending(error.code)
      if (error instanceof ApiError && error.code === 'unauthenticated') return { kind: 'expired' }
      return { kind: 'lost', waitAtLeast: waitAsked(error) }
    } finally {
      clearInterval(beating)
      if (!signal.aborted) this.closeAll()
    }
  }

  /** Lives through a connection without a socket, until it is time to try one again. */
  private async slowly({ channel, closed }: Line): Promise<Ending> {
    const wait = Math.min(socketAgain * 2 ** this.vain++, socketAgainCap) * (0.8 + 0.4 * this.options.random())
    const switched = new Promise<Ending>((resolve) => { this.switchNow = () => resolve({ kind: 'switched' }) })
    const timer = setTimeout(() => this.switchNow(), wait)
    const end = await Promise.race([switched, closed])
    clearTimeout(timer)
    this.switchNow = () => {}
    // The last one of these tries a socket; if it fails too, the slower way goes on at once.
    if (end.kind === 'switched') {
      channel.close()
      this.blocked = blockedAfter - 1
    }
    return end
  }

  /** Lives through one socket, until it ends or the next has taken over. While the next cannot be had, it goes on. */
  private async successor(line: Line, stopped: AbortSignal): Promise<Line | Ending> {
    if (line.life === undefined) return line.closed
    const over = new AbortController()
    const end = await Promise.race([line.closed, this.followed(line.life, AbortSignal.any([stopped, over.signal]))])
    over.abort()
    return this.line && this.line !== line ? this.line : end
  }

  /** Waits until a socket's life nears its end and hands over, as often as it takes; at the latest the signal ends it. */
  private async followed(life: number, signal: AbortSignal): Promise<Ending> {
    await sleep(life * (nextFrom + (nextTo - nextFrom) * this.options.random()), signal)
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.handOver(signal)
        break
      } catch (error) {
        await sleep(Math.max(backoff(failures, this.options.random), waitAsked(error)), signal)
      }
    }
    return lost
  }

  /** Opens the next socket and closes its gaps while the present one goes on; from then on requests go over the next. */
  private async handOver(signal: AbortSignal): Promise<void> {
    const line = await this.openLine(this.openSocket)
    const next = line.channel
    if (signal.aborted) return next.close()
    this.next = next
    try {
      await this.options.onNext(next)
      if (!next.isOpen) throw new ApiError('network', 'The next connection is gone.')
    } catch (error) {
      next.close()
      throw error
    }
    if (signal.aborted) return next.close()
    this.former?.close()
    this.former = this.line?.channel ?? null
    this.line = line
    this.next = null
    this.former?.retire()
    this.options.onHandedOver(next)
  }

  private async openLine(open: LinkOptions['open']): Promise<Line> {
    const { ticket, url, maxAgeSeconds } = await this.options.ticket()
    let close: (code: number) => void = () => {}
    const closed = new Promise<Ending>((resolve) => { close = (code) => resolve(ending(code)) })
    const channel = await open(`${url}?ticket=${encodeURIComponent(ticket)}`, { frame: this.options.onFrame, closed: close })
    return { channel, closed, ...(maxAgeSeconds && { life: maxAgeSeconds * 1000 }) }
  }

  private readonly openSocket: LinkOptions['open'] = (url, handlers) => within(this.options.open(url, handlers), openWithin)

  /** Opens a socket; or, where the server answers but sockets failed several times in a row, takes the slower way. */
  private readonly anyChannel: LinkOptions['open'] = async (url, handlers) => {
    try {
      const socket = await this.openSocket(url, handlers)
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

const lost: Ending = { kind: 'lost', waitAtLeast: 0 }

function waitAsked(error: unknown): number {
  return (error instanceof ApiError && error.retryAfterMs) || 0
}

/** Waits, but no longer than until the signal. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.min(ms, longestTimer))
    signal.addEventListener('abort', end)
  })
}

function ending(code: number): Ending {
  const reason = stopping.get(code)
  if (reason) return { kind: 'stopped', reason }
  return code === sessionEnded ? { kind: 'refused' } : lost
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
