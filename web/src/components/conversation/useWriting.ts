import { computed, shallowRef } from 'vue'
import type { Message } from '@/protocol/types'
import { useDrafts } from '@/stores/drafts'
import { useOutbox } from '@/stores/outbox'
import { useTimelines } from '@/stores/timelines'
import { useUploads } from '@/stores/uploads'

/** What is being written in a room: the draft with its reply, or a change to a sent message. An edit never touches the draft. */
export function useWriting(roomId: string) {
  const drafts = useDrafts()
  const outbox = useOutbox()
  const timelines = useTimelines()
  const uploads = useUploads()
  const editing = shallowRef<Message | null>(null)
  const editText = shallowRef('')

  const draft = computed(() => drafts.byRoom.get(roomId) ?? { text: '' })
  const text = computed({
    get: () => (editing.value ? editText.value : draft.value.text),
    set: (value: string) => {
      if (editing.value) editText.value = value
      else drafts.set(roomId, { ...draft.value, text: value })
    },
  })
  const replyTarget = computed(() => {
    const id = draft.value.replyTo
    return id && !editing.value ? timelines.find(roomId, id) : undefined
  })

  function reply(message: Message): void {
    editing.value = null
    drafts.set(roomId, { text: draft.value.text, replyTo: message.messageId })
  }
  function cancelReply(): void {
    drafts.set(roomId, { text: draft.value.text })
  }
  function edit(message: Message): void {
    editText.value = message.content
    editing.value = message
  }
  function cancelEdit(): void {
    editing.value = null
  }

  /** Sends the draft, or saves the change. A refused change stays in the box. */
  async function submit(content: string): Promise<void> {
    const message = editing.value
    if (message) {
      if (content !== message.content) await timelines.edit(message, content)
      editing.value = null
      return
    }
    const { replyTo } = draft.value
    drafts.clear(roomId)
    await outbox.send(roomId, content, replyTo, uploads.take(roomId))
  }

  return { text, editing, replyTarget, reply, cancelReply, edit, cancelEdit, submit }
}
