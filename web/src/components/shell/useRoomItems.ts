import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import type { RoomItem } from '@/components/shell/RoomListItem.vue'
import { summary } from '@/components/conversation/plainText'
import type { MyRoom } from '@/protocol/types'
import { useDrafts } from '@/stores/drafts'
import { usePeople } from '@/stores/people'
import { useRooms } from '@/stores/rooms'
import { useSession } from '@/stores/session'

/** The rooms of the stores in the shape the list draws. */
export function useRoomItems() {
  const { t } = useI18n()
  const rooms = useRooms()
  const people = usePeople()
  const drafts = useDrafts()
  const session = useSession()

  function preview(room: MyRoom): string {
    const last = room.lastMessage
    if (!last) return room.topic
    if (last.deletedAt) return t('nav.deletedMessage')
    const text = summary(last)
    if (last.userId === session.userId) return t('nav.lastFrom', { name: t('common.you'), text })
    const alone = room.kind === 'direct' && rooms.others(room).length === 1
    return alone ? text : t('nav.lastFrom', { name: people.name(last.userId, last.username).split(' ')[0]!, text })
  }

  function item(room: MyRoom): RoomItem {
    const others = room.kind === 'direct' ? rooms.others(room) : []
    return {
      roomId: room.roomId,
      kind: room.kind,
      title: rooms.title(room),
      people: others,
      online: others.length === 1 && people.online(others[0]!.userId),
      unread: room.unread,
      mentions: room.mentions,
      muted: rooms.muted(room),
      draft: drafts.byRoom.get(room.roomId)?.text.trim() ?? '',
      preview: preview(room),
      at: room.lastMessage?.createdAt,
    }
  }

  return {
    rooms: computed(() => rooms.channels.map(item)),
    directs: computed(() => rooms.directs.map(item)),
  }
}
