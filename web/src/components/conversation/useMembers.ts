import { computed, ref, shallowRef, watch } from 'vue'
import type { Candidate } from '@/components/conversation/completion'
import type { Member, Role } from '@/protocol/types'
import { useRooms } from '@/stores/rooms'

/** Rooms up to this many members are small: everybody may address all, and who has read is told. */
export const smallRoom = 20

/** The members of a room, page by page, loaded when first wanted and again when the room's log says they changed. */
export function useMembers(roomId: string, changes: () => unknown) {
  const rooms = useRooms()
  const list = shallowRef<Member[]>([])
  const cursor = ref<string>()
  const loading = ref(false)
  const wanted = ref(false)
  /** True if what is being loaded has changed meanwhile. */
  let again = false

  async function load(from?: string): Promise<void> {
    if (loading.value) {
      again ||= !from
      return
    }
    loading.value = true
    again = false
    try {
      const page = await rooms.members(roomId, from)
      list.value = from ? [...list.value, ...page.members] : page.members
      cursor.value = page.cursor
    } catch {
      /* The list stays as it is; opening it again asks again. */
    } finally {
      loading.value = false
    }
    if (again) await load()
  }

  function want(): void {
    if (wanted.value) return
    wanted.value = true
    void load()
  }

  // Who has left is told nothing any more.
  watch(changes, () => { if (wanted.value && rooms.get(roomId)) void load() })

  function setRole(userId: string, role: Role): void {
    list.value = list.value.map((member) => (member.userId === userId ? { ...member, role } : member))
  }

  const candidates = computed<Candidate[]>(() => list.value.length ? list.value : (rooms.get(roomId)?.members ?? []))

  return { list, loading, hasMore: computed(() => cursor.value !== undefined), want, reload: () => load(), more: () => load(cursor.value), complete: computed(() => list.value.length > 0 && cursor.value === undefined), setRole, candidates }
}
