import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { msg, page, roomFrame, sent, updated } from './fixtures'
import { addAfter, addBefore, applyFrame, emptyTimeline, fromPage, mergeMessages, tail } from './merge'
import type { Timeline } from './types'

const seqs = (t: Timeline) => t.messages.map((m) => m.seq)

describe('mergeMessages', () => {
  it('orders, removes doubles and keeps the newer contents', () => {
    const held = [msg(1), msg(3, { updatedSeq: 9, content: 'edited' })]
    const merged = mergeMessages(held, [msg(3, { updatedSeq: 5, content: 'old edit' }), msg(2)])
    expect(merged.map((m) => [m.seq, m.content])).toEqual([[1, 'text 1'], [2, 'text 2'], [3, 'edited']])
  })

  it('gives the same whatever the order of arrival', () => {
    const message = fc.record({ seq: fc.integer({ min: 1, max: 30 }), by: fc.integer({ min: 0, max: 50 }) })
      .map(({ seq, by }) => msg(seq, by ? { updatedSeq: seq + by, content: `v${seq + by}` } : {}))
    fc.assert(fc.property(fc.array(message), fc.infiniteStream(fc.nat()), (messages, random) => {
      const shuffled = messages.map((m) => ({ m, at: random.next().value as number })).sort((a, b) => a.at - b.at).map((x) => x.m)
      const one = messages.reduce<readonly ReturnType<typeof msg>[]>((held, m) => mergeMessages(held, [m]), [])
      expect(mergeMessages([], shuffled)).toEqual(one)
      expect(one.every((m, i) => i === 0 || one[i - 1]!.seq < m.seq)).toBe(true)
    }))
  })
})

describe('a window', () => {
  it('appends live messages while it reaches the present', () => {
    const t = applyFrame(fromPage(page([1, 2])), sent(msg(3)))
    expect(seqs(t)).toEqual([1, 2, 3])
    expect(applyFrame(t, sent(msg(3))).messages).toHaveLength(3)
  })

  it('keeps out what is beyond its ends, but remembers that there is more', () => {
    const t = fromPage(page([10, 11], true, true))
    const later = applyFrame(t, sent(msg(20)))
    expect(seqs(later)).toEqual([10, 11])
    expect(later.newestSeq).toBe(20)
    expect(seqs(applyFrame(t, sent(msg(5))))).toEqual([10, 11])
  })

  it('is not at the present when a page was read before a message that was announced', () => {
    const announced = applyFrame(fromPage(page([10, 11], true, true)), sent(msg(14)))
    const stale = addAfter(announced, page([12, 13], true, false))
    expect(stale.hasMoreAfter).toBe(true)
    const fresh = addAfter(stale, page([14], true, false))
    expect(fresh.hasMoreAfter).toBe(false)
    expect(seqs(fresh)).toEqual([10, 11, 12, 13, 14])
  })

  it('grows at both ends', () => {
    const t = addBefore(fromPage(page([5, 6], true)), page([3, 4], false))
    expect(seqs(t)).toEqual([3, 4, 5, 6])
    expect(t.hasMoreBefore).toBe(false)
  })

  it('edits and deletes in place, last writer wins', () => {
    const t = fromPage(page([1, 2, 3]))
    const edited = applyFrame(t, updated(msg(2, { updatedSeq: 5, content: 'second' })))
    const stale = applyFrame(edited, updated(msg(2, { updatedSeq: 4, content: 'first' })))
    expect(stale.messages[1]!.content).toBe('second')
    const deleted = applyFrame(stale, updated(msg(2, { updatedSeq: 6, content: '', deletedAt: 1 })))
    expect(deleted.messages[1]).toMatchObject({ deletedAt: 1, content: '' })
    expect(seqs(deleted)).toEqual([1, 2, 3])
    expect(applyFrame(t, updated(msg(99, { updatedSeq: 100 })))).toBe(t)
  })

  it('takes each notice once and leaves out what nobody need read', () => {
    const t = [roomFrame(4), roomFrame(4), roomFrame(2), roomFrame(5, { change: 'deleted' })].reduce(applyFrame, emptyTimeline)
    expect(t.notices.map((n) => n.seq)).toEqual([2, 4])
  })

  it('does not change what it is given', () => {
    const t = Object.freeze({ ...fromPage(page([1, 2])), messages: Object.freeze([msg(1), msg(2)]) })
    applyFrame(applyFrame(t, sent(msg(3))), updated(msg(1, { updatedSeq: 9 })))
    expect(seqs(t)).toEqual([1, 2])
  })

  it('gives its tail to the cache only at the present', () => {
    expect(tail(fromPage(page([1, 2, 3], true, true)), 2)).toBeNull()
    const t = tail(fromPage(page([1, 2, 3])), 2)!
    expect(seqs(t)).toEqual([2, 3])
    expect(t.hasMoreBefore).toBe(true)
  })
})
