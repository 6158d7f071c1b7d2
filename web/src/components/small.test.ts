import { describe, expect, it } from 'vitest'
import { quickSearch } from './dialogs/quickSearch'
import { cropSquare, dragCrop } from './settings/crop'
import { deviceOf } from './settings/device'
import { hueOf, initialsOf } from './ui/identity'
import { nextPath } from './ui/nextPath'

describe('quickSearch', () => {
  const entries = ['garden', 'Roof garden', 'Gärtnerei', 'kitchen'].map((text) => ({ texts: [text] }))
  const find = (query: string) => quickSearch(entries, query, 10).map((entry) => entry.texts[0])
  it('ranks a whole beginning before a word before a part', () => {
    expect(find('gar')).toEqual(['garden', 'Gärtnerei', 'Roof garden'])
    expect(find('GART')).toEqual(['Gärtnerei'])
    expect(find('arden')).toEqual(['garden', 'Roof garden'])
  })
  it('takes several words in any order, and everything for none', () => {
    expect(find('gar ro')).toEqual(['Roof garden'])
    expect(quickSearch(entries, ' ', 2)).toEqual(entries.slice(0, 2))
    expect(find('xyz')).toEqual([])
  })
  it('searches thousands within the 50 ms of one key', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({ texts: [`Room number ${i}`, `room-${i}`] }))
    const start = performance.now()
    expect(quickSearch(many, 'room 4999', 10)).toHaveLength(1)
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('crop', () => {
  const wide = { width: 400, height: 200 }
  it('shows the middle square at first', () => {
    expect(cropSquare(wide, { zoom: 1, x: 0, y: 0 })).toEqual({ left: 100, top: 0, edge: 200 })
    expect(cropSquare(wide, { zoom: 2, x: 1, y: -1 })).toEqual({ left: 300, top: 0, edge: 100 })
  })
  it('never leaves the picture, wherever it is dragged', () => {
    const far = dragCrop(wide, { zoom: 1, x: 0, y: 0 }, 10_000, 10_000, 100)
    expect(cropSquare(wide, far)).toEqual({ left: 0, top: 0, edge: 200 })
    expect(dragCrop(wide, { zoom: 1, x: 0, y: 0 }, 0, 50, 100).y).toBe(0)
  })
  it('follows the hand pixel by pixel', () => {
    const moved = dragCrop(wide, { zoom: 1, x: 0, y: 0 }, 10, 0, 100)
    expect(cropSquare(wide, moved).left).toBeCloseTo(80)
  })
})

describe('nextPath', () => {
  it.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:x', undefined, ['/a']])('refuses %s', (next) => {
    expect(nextPath(next)).toBe('/')
  })
  it('keeps a path of the app', () => {
    expect(nextPath('/rooms/r1?x=1')).toBe('/rooms/r1?x=1')
  })
})

describe('identity', () => {
  it('takes first and last initial', () => {
    expect(initialsOf('Ada Maria Lindqvist')).toBe('AL')
    expect(initialsOf('ben')).toBe('B')
    expect(initialsOf('  ')).toBe('')
    expect(initialsOf('jo_doe')).toBe('JD')
  })
  it('keeps the colour of a person', () => {
    expect(hueOf('u1')).toBe(hueOf('u1'))
    expect(new Set(Array.from({ length: 40 }, (_, i) => hueOf(`u${i}`))).size).toBeGreaterThan(6)
  })
})

describe('deviceOf', () => {
  it('knows the common ones and is silent about others', () => {
    expect(deviceOf('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1')).toEqual({ browser: 'Safari', system: 'iPhone', mobile: true })
    expect(deviceOf('Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0')).toMatchObject({ browser: 'Edge', system: 'Windows', mobile: false })
    expect(deviceOf('curl/8')).toEqual({ browser: '', system: '', mobile: false })
  })
})
