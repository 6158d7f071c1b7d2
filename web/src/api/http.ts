import type { LoginResult, Problem } from '../protocol/types'
import { ApiError } from './errors'
import type { WithLock } from './locks'

const prefix = '/api/v1'

/** A token that ends within this many milliseconds is renewed before use. */
const renewWithin = 15_000

/** A request without an answer for this many milliseconds has failed; uploads may take longer. */
const answerWithin = 20_000

/** The same for what may be large. */
const downloadWithin = 600_000

export interface HttpOptions {
  fetch: typeof fetch
  withLock: WithLock
  now: () => number
}

export interface RequestOptions {
  /** Sent as JSON, a Blob as it is. */
  body?: unknown
  query?: Record<string, string | number | undefined>
  /** False for routes that need nobody signed in. */
  auth?: boolean
  /** Milliseconds within which an answer must come, if it may take longer than usual. */
  within?: number
  /** Gives the request up. */
  signal?: AbortSignal
}

/**
 * JSON over HTTP. Owns the access token, which lives in memory only; renews it by the cookie when it ends, one tab at a
 * time, because a refresh token works once. Every failure is an ApiError.
 */
export class Http {
  /** Called when the server no longer knows the session. */
  onExpired: () => void = () => {}
  /** Called with the person's record whenever the token was renewed. */
  onRenewed: (result: LoginResult) => void = () => {}

  private token = ''
  private tokenEnds = 0
  private renewal: Promise<void> | null = null
  private readonly options: HttpOptions

  constructor(options: HttpOptions) {
    this.options = options
  }

  /** Takes the answer of a log-in. */
  adopt(result: LoginResult): void {
    this.token = result.accessToken
    this.tokenEnds = this.options.now() + result.expiresIn * 1000
  }

  /** Forgets the token. */
  forget(): void {
    this.token = ''
    this.tokenEnds = 0
  }

  get<T>(path: string, query?: RequestOptions['query']): Promise<T> {
    return this.request('GET', path, { query })
  }

  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return read<T>(options.auth === false ? await this.fetch(method, path, options) : await this.authorized(method, path, options))
  }

  /** What is there to be saved: its bytes or, where others keep them, a short-lived link to them. Rejects with ApiError. */
  async download(path: string, query?: RequestOptions['query']): Promise<Blob | { url: string }> {
    const response = await this.authorized('GET', path, { query, within: downloadWithin })
    const bytes = response.ok && response.headers.get('Content-Disposition')?.startsWith('attachment')
    return bytes ? response.blob() : read<{ url: string }>(response)
  }

  private async authorized(method: string, path: string, options: RequestOptions): Promise<Response> {
    if (!this.token || this.tokenEnds - this.options.now() < renewWithin) await this.renew()
    const used = this.token
    let response = await this.fetch(method, path, options)
    if (response.status === 401) {
      if (this.token === used) await this.renew()
      response = await this.fetch(method, path, options)
    }
    return response
  }

  /** Gets a new access token by the refresh cookie; concurrent callers share one. */
  renew(): Promise<void> {
    this.renewal ??= this.options.withLock('parley-refresh', () => this.refresh()).finally(() => { this.renewal = null })
    return this.renewal
  }

  private async refresh(): Promise<void> {
    const response = await this.fetch('POST', '/auth/refresh', { auth: false, body: {} })
    if (response.status === 401) {
      this.forget()
      this.onExpired()
    }
    const result = await read<LoginResult>(response)
    this.adopt(result)
    this.onRenewed(result)
  }

  private async fetch(method: string, path: string, { body, query, auth, within = answerWithin, signal: given }: RequestOptions): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (auth !== false) headers.Authorization = `Bearer ${this.token}`
    let payload: BodyInit | undefined
    if (body instanceof Blob) {
      headers['Content-Type'] = body.type
      payload = body
    } else if (body !== undefined) {
      headers['Content-Type'] = 'application/json'
      payload = JSON.stringify(body)
    }
    const timeout = body instanceof Blob ? undefined : AbortSignal.timeout(within)
    const signal = given && timeout ? AbortSignal.any([given, timeout]) : timeout
    try {
      return await this.options.fetch(prefix + path + search(query), { method, headers, body: payload, signal, credentials: 'same-origin' })
    } catch {
      throw new ApiError('network', 'The server cannot be reached.')
    }
  }
}

function search(query: RequestOptions['query']): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') params.set(name, String(value))
  }
  return params.size > 0 ? `?${params}` : ''
}

async function read<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T
  const body = await response.json().catch(() => null) as unknown
  if (response.ok) {
    // A page of a captive portal is an answer too, but not from Parley.
    if (body === null) throw new ApiError('network', 'The answer did not come from the server.')
    return body as T
  }
  if (isProblem(body)) throw ApiError.fromProblem({ ...body, retryAfterMs: body.retryAfterMs ?? retryAfter(response) })
  throw new ApiError(response.status >= 500 ? 'unavailable' : 'internal', `The server answered ${response.status}.`, { retryAfterMs: retryAfter(response) })
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string'
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('Retry-After') ?? NaN)
  return Number.isFinite(seconds) ? seconds * 1000 : undefined
}
