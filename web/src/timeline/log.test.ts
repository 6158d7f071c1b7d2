import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogFrame } from '../protocol/types'
import { msg, roomFrame, sent, updated } from './fixtures'
import { accept, acceptSync, logAt, logNumber, type Log } from './log'

const numbers = (frames: LogFrame[]) => frames.map(logNumber)

describe('the log of a room', () => {
  it('counts messages by seq and updates by updatedSeq', () => {
    expect(logNumber(sent(msg(3, { updatedSeq: 8 })))).toBe(3)
    expect(logNumber(updated(msg(3, { updatedSeq: 8 })))).toBe(8)
    expect(logNumber(roomFrame(4))).toBe(4)
  })

  it('lets the next number through and drops what it has', () => {
    const one = accept(logAt(4), sent(msg(5)))
    expect(numbers(one.ready)).toEqual([5])
    expect(one.gap).toBe(false)
    expect(accept(one.log, sent(msg(5))).ready).toEqual([])
  })

  it('holds what came too early and asks for what is missing', () => {
    const early = accept(logAt(4), sent(msg(7)))
    expect(early).toMatchObject({ ready: [], gap: true, log: { applied: 4 } })
    const synced = acceptSync(early.log, { roomId: 'r1', headSeq: 6, complete: true, events: [sent(msg(5)), updated(msg(2, { updatedSeq: 6 }))] })
    expect(numbers(synced.ready)).toEqual([5, 6, 7])
    expect(synced).toMatchObject({ gap: false, log: { applied: 7 } })
  })

  it('goes as far as an answer that did not fit, and asks on', () => {
    const part = acceptSync(logAt(2), { roomId: 'r1', headSeq: 9, complete: true, more: true, events: [sent(msg(3)), sent(msg(4))] })
    expect(part).toMatchObject({ gap: true, log: { applied: 4 } })
    expect(numbers(part.ready)).toEqual([3, 4])
  })

  it('does not go back for an answer that is behind', () => {
    const synced = acceptSync(logAt(9), { roomId: 'r1', headSeq: 7, complete: true, events: [sent(msg(7))] })
    expect(synced.ready).toEqual([])
    expect(synced.log.applied).toBe(9)
  })

  it('gives every number once and in order, however frames and syncs interleave', () => {
    const arrivals = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.record({ head: fc.integer({ min: 1, max: 20 }) })), { maxLength: 60 })
    fc.assert(fc.property(arrivals, (steps) => {
      let log: Log = logAt(0)
      const seen: number[] = []
      for (const step of steps) {
        const next = typeof step === 'number'
          ? accept(log, sent(msg(step)))
          : acceptSync(log, { roomId: 'r1', headSeq: step.head, complete: true, events: range(log.applied + 1, step.head).map((n) => sent(msg(n))) })
        log = next.log
        seen.push(...numbers(next.ready))
        expect(next.gap).toBe(log.ahead.size > 0)
      }
      expect(seen).toEqual(range(1, log.applied))
    }))
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}
