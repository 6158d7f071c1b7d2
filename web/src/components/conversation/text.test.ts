// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { applyCompletion, findTrigger, matchPeople } from './completion'
import { plainText } from './plainText'

describe('plainText', () => {
  it('is one line without marks', () => {
    expect(plainText('**Bold** and `code`\n\n> quoted\n- item\n\n```js\nlet a\n```')).toBe('Bold and code quoted item let a')
    expect(plainText('_one_ and *two*, snake_case_name, 2 * 3 * 4, __init__')).toBe('one and two, snake_case_name, 2 * 3 * 4, init')
    expect(plainText('see [the page](https://example.org)')).toBe('see the page')
  })
  it('is cut between characters, never inside an emoji', () => {
    expect(plainText('👩‍🚀'.repeat(3) + 'x'.repeat(200), 10)).toHaveLength([...plainText('👩‍🚀'.repeat(3) + 'x'.repeat(200), 10)].join('').length)
    expect([...plainText('😀'.repeat(50), 10)]).toEqual([...Array<string>(9).fill('😀'), '…'])
  })
})

describe('findTrigger', () => {
  it.each([
    ['hello @be', 'person', 'be', 6],
    ['@', 'person', '', 0],
    ['(@Zoë', 'person', 'Zoë', 1],
    ['well :smi', 'emoji', 'smi', 5],
    [':+1', 'emoji', '+1', 0],
  ])('finds the word in %j', (text, kind, query, start) => {
    expect(findTrigger(text, text.length)).toEqual({ kind, query, start })
  })
  it.each(['mail me@example.org', 'at 5:30', 'a: b', 'https://x', ':s', 'done @ben '])('asks for nothing in %j', (text) => {
    expect(findTrigger(text, text.length)).toBeNull()
  })
  it('looks only before the caret', () => {
    expect(findTrigger('@ben and more', 3)).toEqual({ kind: 'person', query: 'be', start: 0 })
    expect(findTrigger('@ben and more', 8)).toBeNull()
  })
})

describe('matchPeople', () => {
  const people = [
    { userId: '1', username: 'ben', displayName: 'Ben Okafor' },
    { userId: '2', username: 'zed', displayName: 'Zoë Benson' },
    { userId: '3', username: 'ada', displayName: 'Ada' },
  ]
  it('takes user names before words of names, accents and case aside', () => {
    expect(matchPeople(people, 'BEN').map((p) => p.userId)).toEqual(['1', '2'])
    expect(matchPeople(people, 'zoe').map((p) => p.userId)).toEqual(['2'])
    expect(matchPeople(people, 'kafor')).toEqual([])
  })
})

describe('applyCompletion', () => {
  it('replaces the word and leaves the caret after it', () => {
    const trigger = findTrigger('hi @be there', 6)!
    expect(applyCompletion('hi @be there', 6, trigger, '@ben')).toEqual({ text: 'hi @ben there', caret: 8 })
  })
})
