import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mountIn } from '@/components/testing'
import ConnectionBanner from './ConnectionBanner.vue'
import RoomListItem, { type RoomItem } from './RoomListItem.vue'

const item: RoomItem = {
  roomId: 'r', kind: 'public', title: 'garden', people: [], online: false, unread: 0, mentions: 0, muted: false, draft: '', preview: 'Ben: hello',
}
const show = (more: Partial<RoomItem>) => mountIn(RoomListItem, { props: { item: { ...item, ...more } } })

describe('RoomListItem', () => {
  it('counts in figures and in words', () => {
    const text = show({ unread: 112, mentions: 1 }).text()
    expect(text).toContain('99+')
    expect(text).toContain('112 unread messages')
    expect(text).toContain('1 mention')
    expect(show({}).text()).not.toContain('unread')
  })
  it('is bold when unread, quiet when muted', () => {
    expect(show({ unread: 1 }).find('.font-bold').exists()).toBe(true)
    expect(show({ unread: 1, muted: true }).find('.font-bold').exists()).toBe(false)
    expect(show({ unread: 1, muted: true }).classes()).toContain('quiet')
  })
  it('shows a draft in the place of the last message', () => {
    const text = show({ draft: 'half a thought' }).text()
    expect(text).toContain('Draft half a thought')
    expect(text).not.toContain('hello')
  })
  it('says presence in a word, for one person only', () => {
    const ben = { userId: 'b', displayName: 'Ben' }
    expect(show({ kind: 'direct', people: [ben], online: true }).text()).toContain('online')
    expect(show({ kind: 'direct', people: [ben, { userId: 'c', displayName: 'Cleo' }] }).text()).not.toContain('online')
  })
})

describe('ConnectionBanner', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }))
  afterEach(() => vi.useRealTimers())
  const banner = (props: Record<string, unknown>) => mountIn(ConnectionBanner, { props: { status: 'waiting', retryAt: null, stopReason: null, waiting: 0, ...props } })

  it('counts down to the next attempt and offers to try now', async () => {
    const line = banner({ retryAt: 1_004_000, waiting: 2 })
    expect(line.text()).toContain('Reconnecting in 4 s')
    expect(line.text()).toContain('2 messages waiting')
    await vi.advanceTimersByTimeAsync(3000)
    expect(line.text()).toContain('Reconnecting in 1 s')
    await line.get('button').trigger('click')
    expect(line.emitted('retry')).toHaveLength(1)
  })
  it('says the state to screen readers once, not each second', async () => {
    const line = banner({ retryAt: 1_004_000 })
    const said = line.get('[role=status]').text()
    await vi.advanceTimersByTimeAsync(2000)
    expect(line.get('[role=status]').text()).toBe(said)
  })
  it('offers nothing to press while offline, and says why it stopped', () => {
    const line = banner({ status: 'offline', waiting: 1 })
    expect(line.text()).toContain('You are offline')
    expect(line.text()).toContain('1 message waiting')
    expect(line.find('button').exists()).toBe(false)
    expect(banner({ status: 'stopped', stopReason: 'tooMany' }).text()).toContain('Too many connections')
  })
})
