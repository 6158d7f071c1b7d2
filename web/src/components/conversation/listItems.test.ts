import { describe, expect, it } from 'vitest'
import type { Message } from '@/protocol/types'
import type { Row } from '@/timeline/types'
import { indexOfKey, listItems } from './listItems'

const message = (key: string): Row => ({ kind: 'message', key, message: {} as Message, state: 'sent', first: true })

describe('listItems', () => {
  const rows: Row[] = [{ kind: 'day', key: 'd1', at: 1 }, message('a'), message('b'), { kind: 'day', key: 'd2', at: 2 }, { kind: 'new', key: 'new' }, message('c')]

  it('puts separators over the message they belong to, so that every item is one to hold on to', () => {
    const items = listItems(rows, false)
    expect(items.map((item) => item.key)).toEqual(['a', 'b', 'c'])
    expect(items.map((item) => item.lead.map((row) => row.key))).toEqual([['d1'], [], ['d2', 'new']])
  })

  it('begins with the beginning only where the history does', () => {
    expect(listItems(rows, true)[0]).toMatchObject({ key: 'beginning', lead: [] })
    expect(listItems([], true)).toHaveLength(1)
    expect(listItems([], false)).toEqual([])
  })

  it('finds a message by its key and by that of a separator above it', () => {
    const items = listItems(rows, true)
    expect(indexOfKey(items, 'b')).toBe(2)
    expect(indexOfKey(items, 'new')).toBe(3)
    expect(indexOfKey(items, 'nowhere')).toBe(-1)
  })
})
