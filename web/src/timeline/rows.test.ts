import { describe, expect, it } from 'vitest'
import { entry, msg, page, roomFrame, sent } from './fixtures'
import { applyFrame, emptyTimeline, fromPage } from './merge'
import { buildRows, rowKey, type RowOptions } from './rows'
import type { MessageRow, Row, Timeline } from './types'

const at = (day: number, hour: number, minute = 0) => new Date(2026, 5, day, hour, minute).getTime()
const options = (more: Partial<RowOptions> = {}): RowOptions => ({ me: 'me', newAfter: null, pending: [], sending: new Set(), ...more })
const of = (messages: ReturnType<typeof msg>[], more: Partial<Timeline> = {}): Timeline => ({ ...emptyTimeline, messages, ...more })
const kinds = (rows: Row[]) => rows.map((r) => (r.kind === 'message' ? `${r.message.content}${r.first ? '*' : ''}` : r.kind))

describe('rows', () => {
  it('groups an author within five minutes and starts anew after', () => {
    const rows = buildRows(of([
      msg(1, { createdAt: at(1, 9) }), msg(2, { createdAt: at(1, 9, 5) }), msg(3, { createdAt: at(1, 9, 11) }),
      msg(4, { createdAt: at(1, 9, 11), userId: 'bob' }),
    ]), options())
    expect(kinds(rows)).toEqual(['day', 'text 1*', 'text 2', 'text 3*', 'text 4*'])
  })

  it('separates days, also within five minutes, and never goes back a day', () => {
    const rows = buildRows(of([
      msg(1, { createdAt: at(1, 23, 59) }), msg(2, { createdAt: at(2, 0, 1) }), msg(3, { createdAt: at(1, 23, 59) }),
    ]), options())
    expect(kinds(rows)).toEqual(['day', 'text 1*', 'day', 'text 2*', 'text 3'])
    expect(new Set(rows.map((r) => r.key)).size).toBe(rows.length)
  })

  it('puts the new line above the first message of another person after the mark', () => {
    const t = of([msg(1), msg(2, { userId: 'me' }), msg(3), msg(4)])
    expect(kinds(buildRows(t, options({ newAfter: 1 })))).toEqual(['day', 'text 1*', 'text 2*', 'new', 'text 3*', 'text 4'])
    expect(kinds(buildRows(t, options({ newAfter: 4 })))).not.toContain('new')
    expect(kinds(buildRows(of([msg(1, { userId: 'me' })]), options({ newAfter: 0 })))).not.toContain('new')
  })

  it('draws no new line where its place is not in the window', () => {
    const t = of([msg(10), msg(11)], { hasMoreBefore: true })
    expect(kinds(buildRows(t, options({ newAfter: 5 })))).not.toContain('new')
    expect(kinds(buildRows(t, options({ newAfter: 10 })))).toContain('new')
  })

  it('sets notices between messages, and not those before the window', () => {
    const t = [roomFrame(2), roomFrame(11), roomFrame(14)].reduce(applyFrame, fromPage(page([10, 12], true)))
    expect(kinds(buildRows(t, options()))).toEqual(['day', 'text 10*', 'notice', 'text 12*', 'notice'])
  })

  it('shows what waits after everything, and once only when it has come back', () => {
    const pending = [entry('a'), entry('b', { failure: { code: 'forbidden', message: 'no' } }), entry('c')]
    const rows = buildRows(of([msg(1)]), options({ pending, sending: new Set(['a']) }))
    const states = rows.filter((r): r is MessageRow => r.kind === 'message').map((r) => [r.message.content, r.state])
    expect(states).toEqual([['text 1', 'sent'], ['a', 'sending'], ['b', 'failed'], ['c', 'waiting']])
    const back = applyFrame(of([msg(1)]), sent(msg(2, { userId: 'me', clientMessageId: 'a' })))
    const after = buildRows(back, options({ pending }))
    expect(after.filter((r) => r.key === rowKey(entry('a')))).toHaveLength(1)
    expect(after.find((r) => r.key === rowKey(entry('a')))).toMatchObject({ state: 'sent' })
  })

  it('does not take the clientMessageId of another person for one’s own', () => {
    const rows = buildRows(of([msg(1, { userId: 'bob', clientMessageId: 'a' })]), options({ pending: [entry('a')] }))
    expect(rows.filter((r) => r.kind === 'message')).toHaveLength(2)
  })

  it('keeps what waits out of the middle of history', () => {
    const rows = buildRows(of([msg(1)], { hasMoreAfter: true }), options({ pending: [entry('a')] }))
    expect(kinds(rows)).toEqual(['day', 'text 1*'])
  })
})
