import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { summary } from '@/components/conversation/plainText'
import type { Context, Quote, Reader, ShownReaction } from '@/components/conversation/types'
import type { Message, MyRoom, RoomEvent } from '@/protocol/types'
import type { Timeline } from '@/timeline/types'
import { useDates } from '@/components/ui/useDates'
import { usePeople } from '@/stores/people'
import { useReactions } from '@/stores/reactions'
import { useReads } from '@/stores/reads'
import { useSession } from '@/stores/session'
import { useTimelines } from '@/stores/timelines'

/** How many names a reaction shows before it only counts. */
const shownNames = 12

/** What the rows of a room need to know of people, answers and rights, read from the stores. */
export function useContext(room: () => MyRoom | undefined, timeline: () => Timeline | undefined) {
  const { t } = useI18n()
  const people = usePeople()
  const session = useSession()
  const timelines = useTimelines()
  const reacted = useReactions()
  const reads = useReads()
  const { list } = useDates()

  function author(message: Message) {
    const person = people.user(message.userId)
    return { name: person?.displayName || message.username || t('common.unknownPerson'), avatarUrl: person?.avatarUrl }
  }

  function quote(message: Message): Quote | null {
    const found = message.replyTo && timelines.find(message.roomId, message.replyTo)
    if (!found) return null
    const text = found.deletedAt ? t('conversation.deleted') : summary(found)
    return { messageId: found.messageId, name: author(found).name, text }
  }

  function allowed(message: Message) {
    const own = message.userId === session.userId
    const rules = room()?.membership.role
    return { reply: true, edit: own, remove: own || rules === 'owner' || rules === 'moderator' }
  }

  function nameOf(userId: string): string {
    return userId === session.userId ? t('common.you') : people.name(userId) || t('common.unknownPerson')
  }

  function reactions(message: Message): ShownReaction[] {
    return reacted.of(message).map(({ emoji, userIds, mine }) => {
      const rest = userIds.length - shownNames
      const names = userIds.slice(0, shownNames).map(nameOf)
      return { emoji, mine, count: userIds.length, names: list(rest > 0 ? [...names, t('reactions.more', { count: rest }, rest)] : names) }
    })
  }

  /* Where each reader stands: at the newest message that their marker has reached, unless it is their own. */
  const standing = computed(() => {
    const at = new Map<number, string[]>()
    const { messages = [], hasMoreAfter = true } = timeline() ?? {}
    for (const [userId, seq] of reads.byRoom.get(room()?.roomId ?? '') ?? []) {
      const last = messages.findLast((message) => message.seq <= seq)
      // Beyond the window somebody may have read further.
      if (!last || last.userId === userId || (hasMoreAfter && last === messages.at(-1))) continue
      at.set(last.seq, [...(at.get(last.seq) ?? []), userId])
    }
    return at
  })
  function readers(message: Message): Reader[] {
    return (standing.value.get(message.seq) ?? []).map((userId) => ({ userId, name: nameOf(userId), avatarUrl: people.user(userId)?.avatarUrl }))
  }

  function notice(event: RoomEvent): string {
    const userId = event.membership?.userId ?? event.room.createdBy
    const name = people.name(userId) || t('common.unknownPerson')
    const role = t(`role.${event.membership?.role ?? 'member'}`)
    return t(`system.${event.change}`, { name, role, room: event.room.name })
  }

  /* Whom a message means is the server's to say; of one not yet sent it is a guess. */
  const idOf = computed(() => new Map([...people.users.values()].map((user) => [user.username, user.userId])))
  function mention(username: string, { mentions, messageId, userId }: Message) {
    if (username === 'room' || username === 'here') {
      if (!mentions.includes(`@${username}`)) return 'none'
      return userId === session.userId ? 'other' : 'me'
    }
    const meant = username === session.user?.username ? session.userId : idOf.value.get(username)
    if (!meant || (messageId && !mentions.includes(meant))) return 'none'
    return meant === session.userId ? 'me' : 'other'
  }
  const meant = (message: Message) => timelines.addresses(message)

  return computed<Context>(() => ({ ownId: session.userId, author, quote, allowed, nameOf, reactions, readers, quick: reacted.frequent, notice, mention, meansMe: meant }))
}
