import { defineStore } from 'pinia'
import { computed, shallowReactive } from 'vue'
import type { Message } from '../protocol/types'
import { useServices } from '../services'
import { useSession } from './session'
import { useSettings } from './settings'
import { useTimelines } from './timelines'

/** What is at hand before one has reacted with anything. */
const suggested = ['👍', '❤️', '😂', '🎉', '👀', '🙏']

/** Who reacted to a message with one emoji, in the order they came. */
export interface Reaction {
  emoji: string
  userIds: readonly string[]
  mine: boolean
}

/**
 * Reactions, one's own shown at once: what is wished lies over what the server says until it has answered. Of several
 * wishes for one emoji the last counts; they go out one after the other.
 */
export const useReactions = defineStore('reactions', () => {
  const { routes } = useServices()
  const session = useSession()
  const settings = useSettings()
  /** Message and emoji to whether one wants it there. */
  const wishes = shallowReactive(new Map<string, boolean>())
  /** Keys of `wishes` that are being told to the server. */
  const telling = new Set<string>()

  /** The six emoji most likely wanted: those one reacts with most. */
  const frequent = computed(() => {
    const uses = settings.reactedWith
    const own = Object.keys(uses).sort((a, b) => uses[b]! - uses[a]!)
    return [...new Set([...own, ...suggested])].slice(0, 6)
  })

  function of(message: Message): Reaction[] {
    const me = session.userId
    const emoji = Object.keys(message.reactions ?? {})
    // Only a wish can add one that the message does not have yet.
    if (wishes.size > 0) {
      for (const wish of wishes.keys()) {
        const [messageId, wished] = wish.split(' ') as [string, string]
        if (messageId === message.messageId && !emoji.includes(wished)) emoji.push(wished)
      }
    }
    return emoji.map((each) => {
      const said = message.reactions?.[each] ?? []
      const mine = wishes.get(keyOf(message, each)) ?? said.includes(me)
      const userIds = mine === said.includes(me) ? said : mine ? [...said, me] : said.filter((userId) => userId !== me)
      return { emoji: each, userIds, mine }
    }).filter((reaction) => reaction.userIds.length > 0)
  }

  /** Adds one's reaction or takes it back; answers whether it is there now. Rejects with ApiError, and then all is as before. */
  async function toggle(message: Message, emoji: string): Promise<boolean> {
    const key = keyOf(message, emoji)
    const on = !of(message).some((reaction) => reaction.emoji === emoji && reaction.mine)
    wishes.set(key, on)
    if (on) settings.reactedWith = counted(settings.reactedWith, emoji)
    if (!telling.has(key)) await tell(key, message, emoji)
    return on
  }

  async function tell(key: string, { roomId, messageId }: Message, emoji: string): Promise<void> {
    telling.add(key)
    try {
      for (let told: boolean | undefined; wishes.has(key) && wishes.get(key) !== told;) {
        told = wishes.get(key)!
        useTimelines().settle(await (told ? routes.react : routes.unreact)(roomId, messageId, emoji))
      }
    } finally {
      wishes.delete(key)
      telling.delete(key)
    }
  }

  return { frequent, of, toggle }
})

function keyOf(message: Message, emoji: string): string {
  return `${message.messageId} ${emoji}`
}

/** Counts a use. Only a dozen are kept, and old habits fade. */
function counted(uses: Record<string, number>, emoji: string): Record<string, number> {
  const faded = Object.entries(uses).map(([each, count]) => [each, count * 0.95] as const)
  const kept = faded.filter(([each]) => each !== emoji).sort((a, b) => b[1] - a[1]).slice(0, 11)
  return Object.fromEntries([...kept, [emoji, (uses[emoji] ?? 0) + 1]])
}
