import { beforeEach, describe, expect, it, vi } from 'vitest'
import { mountIn } from '@/components/testing'
import type { Message } from '@/protocol/types'
import type { MessageRow } from '@/timeline/types'
import MessageItem from './MessageItem.vue'
import type { Context } from './types'

const message: Message = {
  roomId: 'r', seq: 7, messageId: 'm7', userId: 'u_ben', username: 'ben', content: 'Hello there', createdAt: Date.UTC(2026, 4, 3, 9, 41),
  clientMessageId: 'c7', attachments: [], reactions: {}, mentions: [],
}
const context: Context = {
  ownId: 'u_ada',
  author: () => ({ name: 'Ben Okafor' }),
  quote: () => null,
  allowed: () => ({ reply: true, edit: true, remove: true }),
  nameOf: () => 'Ben Okafor',
  reactions: () => [],
  readers: () => [],
  quick: ['👍', '🎉', '👀', '🙏'],
  notice: () => '',
  mention: () => 'none',
  meansMe: () => false,
}
function show(row: Partial<MessageRow> = {}, more: Partial<Context> = {}) {
  const full: MessageRow = { kind: 'message', key: 'k', message, state: 'sent', first: true, ...row }
  return mountIn(MessageItem, { props: { row: full, context: { ...context, ...more }, highlighted: false } })
}

describe('MessageItem', () => {
  beforeEach(() => { document.body.innerHTML = '' })

  it('says who and when once a group', () => {
    expect(show().find('time').attributes('datetime')).toBe('2026-05-03T09:41:00.000Z')
    expect(show().text()).toContain('Ben Okafor')
    const later = show({ first: false })
    expect(later.text()).toBe('Hello there')
    expect(later.attributes('aria-label')).toContain('Ben Okafor')
  })

  it.each([['sending', 'Sending…'], ['waiting', 'Waiting for the network']] as const)('says when it is %s', (state, text) => {
    expect(show({ state }).text()).toContain(text)
  })

  it('says why it failed, and offers to send it again or delete it', async () => {
    const item = show({ state: 'failed', failure: { code: 'forbidden', message: 'raw words of the server' } })
    expect(item.text()).toContain('Not sent: You are not allowed to do this here.')
    expect(item.text()).not.toContain('raw words')
    await item.findAll('button').find((b) => b.text() === 'Send again')!.trigger('click')
    await item.findAll('button').find((b) => b.text() === 'Delete')!.trigger('click')
    expect(item.emitted('retry')).toHaveLength(1)
    expect(item.emitted('discard')).toHaveLength(1)
  })

  it('leaves a quiet trace of a deleted message, without actions', async () => {
    const item = show({ message: { ...message, content: '', deletedAt: 1 } })
    expect(item.text()).toContain('This message was deleted.')
    await item.trigger('focusin')
    expect(item.find('[role=toolbar]').exists()).toBe(false)
  })

  it('says that it was edited', () => {
    expect(show({ message: { ...message, editedAt: message.createdAt + 1 } }).text()).toContain('(edited)')
    expect(show().text()).not.toContain('edited')
  })

  it('has its actions on focus, and only those that are allowed', async () => {
    const item = show({}, { allowed: () => ({ reply: true, edit: false, remove: false }) })
    expect(item.find('[role=toolbar]').exists()).toBe(false)
    await item.trigger('focusin')
    expect(item.find('[aria-label=Reply]').exists()).toBe(true)
    expect(item.find('[aria-label=Edit]').exists()).toBe(false)
    await item.find('[aria-label=Reply]').trigger('click')
    expect(item.emitted('act')).toEqual([['reply']])
  })

  it('shows reactions with their count and names, and takes a click on them for one’s own', async () => {
    const item = show({}, { reactions: () => [{ emoji: '👍', count: 2, names: 'Ben and you', mine: true }, { emoji: '🎉', count: 1, names: 'Ben', mine: false }] })
    const chips = item.get('[data-testid=reactions]').findAll('button')
    expect(chips[0]!.attributes()).toMatchObject({ 'aria-pressed': 'true', 'aria-label': '👍 2 reactions: Ben and you', title: '👍 2 reactions: Ben and you' })
    expect(chips[1]!.attributes()).toMatchObject({ 'aria-pressed': 'false', 'aria-label': '🎉 1 reaction: Ben' })
    await chips[1]!.trigger('click')
    expect(item.emitted('react')).toEqual([['🎉']])
    await chips[2]!.trigger('click')
    expect(item.emitted('pick')).toEqual([[chips[2]!.element]])
    expect(show({}, { reactions: () => [] }).find('[data-testid=reactions]').exists()).toBe(false)
    expect(show({ message: { ...message, content: '', deletedAt: 1 } }, { reactions: () => [{ emoji: '👍', count: 1, names: 'Ben', mine: false }] }).find('[data-testid=reactions]').exists()).toBe(false)
  })

  it('has the emoji at hand in its bar', async () => {
    const item = show()
    await item.trigger('focusin')
    await item.get('[aria-label="React with 🎉"]').trigger('click')
    expect(item.emitted('react')).toEqual([['🎉']])
  })

  it('says in words that it mentions the reader, unless it is deleted', () => {
    expect(show({}, { meansMe: () => true }).text()).toContain('mentions you')
    expect(show({}).text()).not.toContain('mentions you')
    expect(show({ message: { ...message, content: '', deletedAt: 1 } }, { meansMe: () => true }).text()).not.toContain('mentions you')
  })

  it('shows who has read so far, with names', () => {
    const item = show({}, { readers: () => [{ userId: 'u1', name: 'Cleo', avatarUrl: undefined }, { userId: 'u2', name: 'Dan', avatarUrl: undefined }] })
    expect(item.get('[data-testid=readers]').text()).toContain('Read by Cleo and Dan')
    expect(show().find('[data-testid=readers]').exists()).toBe(false)
  })

  it('leads to what it answers, or says that this is gone', async () => {
    const answer = { ...message, replyTo: 'm1' }
    const item = show({ message: answer }, { quote: () => ({ messageId: 'm1', name: 'Ada', text: 'A question' }) })
    await item.get('button.quote').trigger('click')
    expect(item.emitted('goTo')).toEqual([['m1']])
    expect(show({ message: answer }).text()).toContain('not here any more')
  })

  it('opens its sheet after a long press, not when the finger moves', () => {
    vi.useFakeTimers()
    const item = show()
    const touch = (type: string, x: number) => item.element.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', clientX: x, bubbles: true }))
    touch('pointerdown', 10)
    touch('pointermove', 60)
    vi.advanceTimersByTime(1000)
    expect(item.emitted('sheet')).toBeUndefined()
    touch('pointerdown', 10)
    vi.advanceTimersByTime(1000)
    expect(item.emitted('sheet')).toHaveLength(1)
    vi.useRealTimers()
  })
})
