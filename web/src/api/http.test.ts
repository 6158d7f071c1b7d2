import { describe, expect, it, vi } from 'vitest'
import { backoff } from './backoff'
import { ApiError } from './errors'
import { Http } from './http'
import { makeLocks } from './locks'

/** A server that knows one token at a time and rotates its cookie. */
function setUp() {
  const state = { valid: 't0', cookie: 0, refreshes: 0, refreshStatus: 200, now: 1_000_000 }
  const calls: { path: string; token: string | null }[] = []
  const fetcher = vi.fn<typeof fetch>(async (input, init) => {
    const path = (input as string).replace('/api/v1', '')
    const token = new Headers(init?.headers).get('Authorization')
    calls.push({ path, token })
    const used = state.cookie
    await Promise.resolve()
    if (path === '/auth/refresh') {
      state.refreshes++
      if (used !== state.cookie || state.refreshStatus !== 200) return Response.json({ code: 'unauthenticated', detail: 'over', title: '', type: '', status: 401 }, { status: 401 })
      state.valid = `t${++state.cookie}`
      return Response.json({ accessToken: state.valid, expiresIn: 60, user: { userId: 'ann' } })
    }
    if (token !== `Bearer ${state.valid}`) return Response.json({ code: 'unauthenticated', detail: 'no', title: '', type: '', status: 401 }, { status: 401 })
    return Response.json({ path })
  })
  const withLock = makeLocks(undefined)
  const client = () => new Http({ fetch: fetcher, withLock, now: () => state.now })
  return { state, calls, fetcher, client }
}

describe('Http', () => {
  it('gets a token before the first request and renews it shortly before it ends', async () => {
    const { state, client } = setUp()
    const http = client()
    await Promise.all([http.get('/me'), http.get('/rooms')])
    expect(state.refreshes).toBe(1)
    state.now += 44_000
    await http.get('/me')
    expect(state.refreshes).toBe(1)
    state.now += 2_000
    await http.get('/me')
    expect(state.refreshes).toBe(2)
  })

  it('renews once for many refused requests and asks each again once', async () => {
    const { state, calls, client } = setUp()
    const http = client()
    http.adopt({ accessToken: 'stale', expiresIn: 900, user: { userId: 'ann', username: '', displayName: '', createdAt: 0 } })
    expect(await Promise.all(['/a', '/b', '/c'].map((p) => http.get(p)))).toEqual([{ path: '/a' }, { path: '/b' }, { path: '/c' }])
    expect(state.refreshes).toBe(1)
    expect(calls).toHaveLength(7)
  })

  it('does not use one refresh token twice, whichever tab asks', async () => {
    const { state, client } = setUp()
    const tabs = [client(), client(), client()]
    await Promise.all(tabs.map((http) => http.renew()))
    expect(state.refreshes).toBe(3)
    expect(state.cookie).toBe(3)
  })

  it('says that the session is over, once, and rejects', async () => {
    const { state, client } = setUp()
    state.refreshStatus = 401
    const http = client()
    http.onExpired = vi.fn()
    await expect(http.get('/me')).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(http.onExpired).toHaveBeenCalledTimes(1)
  })

  it('does not take a dead network for the end of the session', async () => {
    const { fetcher, client } = setUp()
    fetcher.mockRejectedValue(new TypeError('Failed to fetch'))
    const http = client()
    http.onExpired = vi.fn()
    const error = await http.get('/me').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ code: 'network', temporary: true })
    expect(http.onExpired).not.toHaveBeenCalled()
  })

  it('reads problems, Retry-After included, and refuses foreign pages', async () => {
    const { fetcher, client } = setUp()
    const http = client()
    const answer = (body: BodyInit, init: ResponseInit) => fetcher.mockResolvedValueOnce(new Response(body, init))
    answer(JSON.stringify({ code: 'rate_limited', detail: 'Slowly.', field: 'x' }), { status: 429, headers: { 'Retry-After': '3' } })
    await expect(http.request('GET', '/x', { auth: false })).rejects.toMatchObject({ code: 'rate_limited', message: 'Slowly.', retryAfterMs: 3000, field: 'x', temporary: true })
    answer('<html>', { status: 502 })
    await expect(http.request('GET', '/x', { auth: false })).rejects.toMatchObject({ code: 'unavailable' })
    answer('<html>Log in to the wifi</html>', { status: 200 })
    await expect(http.request('GET', '/x', { auth: false })).rejects.toMatchObject({ code: 'network' })
    answer(JSON.stringify({ code: 'not_found', detail: 'no' }), { status: 404 })
    await expect(http.request('GET', '/x', { auth: false })).rejects.toMatchObject({ code: 'not_found', temporary: false })
  })
})

describe('a download', () => {
  it('is the bytes, or a link to them; what the server refuses is no file', async () => {
    const { fetcher, client } = setUp()
    const http = client()
    const answer = (body: string, headers: HeadersInit, status = 200) => fetcher.mockResolvedValueOnce(new Response(body, { status, headers }))
    await http.renew()
    answer('{"account":1}', { 'Content-Disposition': 'attachment; filename="parley.json"' })
    const bytes = await http.download('/me/export')
    expect(await (bytes as Blob).text()).toBe('{"account":1}')
    answer('{"url":"https://files.example/x?signed"}', { 'Content-Type': 'application/json' })
    expect(await http.download('/me/export')).toEqual({ url: 'https://files.example/x?signed' })
    answer('{"code":"unavailable","detail":"Later."}', {}, 503)
    await expect(http.download('/me/export')).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('backoff', () => {
  it('grows to its cap, with jitter, never under half a second', () => {
    const most = [1, 2, 3, 4, 5, 6, 50].map((n) => backoff(n, () => 1))
    expect(most).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
    expect([1, 5, 50].map((n) => backoff(n, () => 0))).toEqual([500, 500, 500])
  })
})
