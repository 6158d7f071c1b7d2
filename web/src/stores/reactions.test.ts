import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Message } from '../protocol/types'
import { FakeServer } from '../testing/fakeServer'
import { openTab, type Tab } from '../testing/tab'
import { until } from '../testing/until'

let server: FakeServer
let ann: Tab
let message: Message
const held = () => ann.timelines.find('r1', message.messageId)!
const shown = () => ann.reactions.of(held()).map(({ emoji, userIds, mine }) => `${emoji} ${userIds.join()}${mine ? ' mine' : ''}`)

beforeEach(async () => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', new IDBFactory())
  server = new FakeServer()
  for (const name of ['ann', 'bob']) server.addUser(name)
  server.addRoom('r1', ['ann', 'bob'])
  message = server.post('r1', 'bob', 'hello')
  ann = openTab(server)
  await ann.signIn('ann')
  await ann.timelines.open('r1')
})

afterEach(() => {
  ann.close()
  vi.unstubAllGlobals()
})

describe('reactions', () => {
  it('show one’s own at once, before and after those of others, and stay when the server has answered', async () => {
    server.react(server.rooms.get('r1')!, message.messageId, '👍', 'bob', true)
    await until(() => expect(shown()).toEqual(['👍 bob']))
    const done = Promise.all([ann.reactions.toggle(held(), '👍'), ann.reactions.toggle(held(), '🎉')])
    expect(shown()).toEqual(['👍 bob,ann mine', '🎉 ann mine'])
    expect(await done).toEqual([true, true])
    expect(shown()).toEqual(['👍 bob,ann mine', '🎉 ann mine'])
    expect(held().reactions).toEqual({ '👍': ['bob', 'ann'], '🎉': ['ann'] })
    await ann.reactions.toggle(held(), '👍')
    expect(shown()).toEqual(['👍 bob', '🎉 ann mine'])
  })

  it('stand in the order in which each first came, a new one at the end, also after a reload', async () => {
    const [room] = server.rooms.values()
    for (const emoji of ['🎉', '👍', '🅰️', '1️⃣', '❤️']) server.react(room!, message.messageId, emoji, 'bob', true)
    await until(() => expect(held().reactions).toHaveProperty('❤️'))
    const done = ann.reactions.toggle(held(), '😂')
    const order = ['🎉', '👍', '🅰️', '1️⃣', '❤️', '😂']
    const emoji = () => ann.reactions.of(held()).map((reaction) => reaction.emoji)
    expect(emoji()).toEqual(order)
    await done
    await ann.reactions.toggle(held(), '🎉')
    expect(emoji()).toEqual(order)
    ann.close()
    server.down = true
    ann = openTab(server)
    await ann.session.restore()
    await ann.timelines.open('r1').catch(() => {})
    expect(emoji()).toEqual(order)
  })

  it('are as before when the server refuses', async () => {
    server.refuse = (request) => (request.includes('/reactions/') ? { code: 'conflict' } : undefined)
    const done = ann.reactions.toggle(held(), '👍')
    expect(shown()).toEqual(['👍 ann mine'])
    await expect(done).rejects.toMatchObject({ code: 'conflict' })
    expect(shown()).toEqual([])
  })

  it('take the last of several wishes, however fast they come', async () => {
    const wishes = [ann.reactions.toggle(held(), '👍'), ann.reactions.toggle(held(), '👍'), ann.reactions.toggle(held(), '👍'), ann.reactions.toggle(held(), '👍')]
    expect(shown()).toEqual([])
    await Promise.all(wishes)
    expect(server.rooms.get('r1')!.messages[0]!.reactions).toEqual({})
    expect(held().reactions).toEqual({})
  })

  it('put what one reacts with most at hand', async () => {
    expect(ann.reactions.frequent).toHaveLength(6)
    // Taking one back is no use of it.
    for (const emoji of ['🚀', '🦊', '🚀', '🚀', '🦊']) await ann.reactions.toggle(held(), emoji)
    expect(ann.reactions.frequent.slice(0, 3)).toEqual(['🚀', '🦊', '👍'])
    expect(ann.reactions.frequent).toHaveLength(6)
  })
})
