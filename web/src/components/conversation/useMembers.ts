import { computed, ref, shallowRef, watch } from 'vue'
import type { Candidate } from '@/components/conversation/completion'
import { useDelayed } from '@/components/ui/useDelayed'
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

  /** Members found by name of whom no page is loaded yet. */
  const found = shallowRef<ReadonlyMap<string, Member>>(new Map())
  const ask = useDelayed(async (query: string) => {
    const members = await rooms.membersNamed(roomId, query).catch(() => [])
    found.value = new Map([...found.value, ...members.map((member) => [member.userId, member] as const)])
  })

  /** Looks for those whose names begin so, and asks the server where not all members are here. */
  function find(query: string): void {
    want()
    if (query && !complete.value) ask(query)
  }

  // Who has left is told nothing any more.
  watch(changes, () => {
    found.value = new Map()
    if (wanted.value && rooms.get(roomId)) void load()
  })

  function setRole(userId: string, role: Role): void {
    list.value = list.value.map((member) => (member.userId === userId ? { ...member, role } : member))
  }

  const complete = computed(() => list.value.length > 0 && cursor.value === undefined)
  const candidates = computed<Candidate[]>(() => {
    if (!list.value.length) return rooms.get(roomId)?.members ?? []
    return complete.value ? list.value : [...new Map([...list.value, ...found.value.values()].map((member) => [member.userId, member])).values()]
  })

  return { list, loading, hasMore: computed(() => cursor.value !== undefined), want, find, reload: () => load(), more: () => load(cursor.value), complete, setRole, candidates }
}
