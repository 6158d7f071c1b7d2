import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/errors'
import { mountIn } from '@/components/testing'
import type { Message, MyRoom, SearchInput, SearchPage } from '@/protocol/types'
import { makeServices, provideServices } from '@/services'
import { useRooms } from '@/stores/rooms'
import SearchDrawer from './SearchDrawer.vue'

const message = (seq: number, content: string): Message => ({
  roomId: 'r', seq, messageId: `m${seq}`, userId: 'u_ben', username: 'ben', content, createdAt: Date.UTC(2026, 4, 3), clientMessageId: `c${seq}`,
  attachments: [], reactions: {}, mentions: [],
})
const room = {
  roomId: 'r', kind: 'public', name: 'garden', topic: '', createdBy: 'u', createdAt: 1, headSeq: 9, unread: 0, mentions: 0,
  membership: { roomId: 'r', userId: 'me', role: 'member', joinedAt: 1, readSeq: 0 },
} as MyRoom

/** The drawer before a server that answers what `answers` hands out, one a request. */
function show(answers: (SearchPage | ApiError)[], more: { offline?: boolean } = {}) {
  const asked: { input: SearchInput; signal: AbortSignal }[] = []
  const ask = (input: SearchInput, signal: AbortSignal) => {
    asked.push({ input, signal })
    const answer = answers.shift()
    return answer instanceof ApiError ? Promise.reject(answer) : answer ? Promise.resolve(answer) : new Promise<SearchPage>(() => {})
  }
  const services = { install: (app: Parameters<typeof provideServices>[0]) => provideServices(app, makeServices({ fetch: () => new Promise(() => {}) })) }
  const drawer = mountIn(SearchDrawer, { props: { room, offline: false, ask, ...more }, global: { plugins: [services] } })
  useRooms().byId.set('r', room)
  const type = async (text: string, rest = 250) => {
    await drawer.get('input[type=text]').setValue(text)
    await vi.advanceTimersByTimeAsync(rest)
    await flushPromises()
  }
  return { drawer, asked, type }
}

describe('SearchDrawer', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('IntersectionObserver', class { observe() {} unobserve() {} disconnect() {} })
    document.body.innerHTML = ''
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('asks once typing rests, and gives up what is no longer wanted', async () => {
    const { drawer, asked, type } = show([])
    await type('pe', 200)
    expect(asked).toEqual([])
    await type('peas')
    expect(asked.map(({ input }) => input)).toEqual([{ query: 'peas', roomId: 'r' }])
    await type('peas and')
    expect(asked[0]!.signal.aborted).toBe(true)
    expect(asked[1]!.signal.aborted).toBe(false)
    drawer.unmount()
    expect(asked[1]!.signal.aborted).toBe(true)
  })

  it('shows what was found with its words marked, and counts', async () => {
    const { drawer, type } = show([{ messages: [message(2, 'More **Peas**'), message(1, '<b>peas</b>')] }])
    await type('peas')
    expect(drawer.get('[role=status]').text()).toBe('2 messages found')
    expect(drawer.findAll('mark').map((mark) => mark.text())).toEqual(['Peas', 'peas'])
    expect(drawer.find('b').exists()).toBe(false)
    expect(drawer.get('li a').attributes('href')).toBe('/rooms/r?message=m2')
  })

  it('goes on where the page ended, and says how far it has looked', async () => {
    const { drawer, asked, type } = show([{ messages: [], cursor: 'c', searchedTo: Date.UTC(2026, 4, 3, 12) }, { messages: [message(1, 'peas')] }])
    await type('peas')
    expect(drawer.text()).toMatch(/Searched back to .*2026/)
    expect(drawer.text()).not.toContain('Nothing found')
    await drawer.findAll('button').find((button) => button.text() === 'Go on')!.trigger('click')
    await flushPromises()
    expect(asked[1]!.input).toEqual({ query: 'peas', roomId: 'r', cursor: 'c' })
    expect(drawer.findAll('li')).toHaveLength(1)
  })

  it('waits as long as the server asks for, and says other refusals', async () => {
    const { drawer, asked, type } = show([new ApiError('rate_limited', '', { retryAfterMs: 500 }), new ApiError('unavailable', '')])
    await type('peas')
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(500)
    await flushPromises()
    expect(asked).toHaveLength(2)
    expect(drawer.text()).toContain('The server is busy.')
    await drawer.findAll('button').find((button) => button.text() === 'Try again')!.trigger('click')
    expect(asked).toHaveLength(3)
  })

  it('asks nothing for no words, for too many, or offline', async () => {
    const { drawer, asked, type } = show([])
    await type('  "" ')
    await type('a b c d e f g h i')
    expect(drawer.get('[role=alert]').text()).toContain('At most 8 words')
    await drawer.setProps({ offline: true })
    await type('peas')
    expect(drawer.text()).toContain('Searching needs the network')
    expect(asked).toEqual([])
  })

  it('walks the results with arrow keys and closes with Escape', async () => {
    const { drawer, type } = show([{ messages: [message(2, 'peas'), message(1, 'peas')] }])
    await type('peas')
    const input = drawer.get('input[type=text]')
    const links = drawer.findAll('li a')
    await input.trigger('keydown', { key: 'ArrowDown' })
    expect(document.activeElement).toBe(links[0]!.element)
    await links[0]!.trigger('keydown', { key: 'ArrowDown' })
    expect(document.activeElement).toBe(links[1]!.element)
    await links[1]!.trigger('keydown', { key: 'ArrowUp' })
    await links[0]!.trigger('keydown', { key: 'ArrowUp' })
    expect(document.activeElement).toBe(input.element)
    await input.trigger('keydown', { key: 'Escape' })
    expect(drawer.emitted('close')).toHaveLength(1)
  })
})
