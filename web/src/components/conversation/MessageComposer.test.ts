import { beforeEach, describe, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { ApiError } from '@/api/errors'
import { mountIn } from '@/components/testing'
import MessageComposer from './MessageComposer.vue'

const people = [
  { userId: '1', username: 'ben', displayName: 'Ben Okafor' },
  { userId: '2', username: 'bea', displayName: 'Bea' },
]
function compose(props: Record<string, unknown> = {}) {
  const composer = mountIn(MessageComposer, {
    props: {
      roomTitle: 'garden', maxBytes: 200, enterSends: true, people, everybody: false, uploads: [], takesFiles: true, replyTo: null, editing: false, modelValue: '',
      'onUpdate:modelValue': (modelValue: string) => composer.setProps({ modelValue }),
      ...props,
    },
  })
  const box = composer.get('textarea')
  const write = async (text: string) => {
    await box.setValue(text)
    box.element.setSelectionRange(text.length, text.length)
    await box.trigger('input')
  }
  return { composer, box, write }
}

describe('MessageComposer', () => {
  beforeEach(() => { document.body.innerHTML = '' })

  it('sends on Enter, trimmed, and breaks the line on Shift-Enter', async () => {
    const { composer, box, write } = compose()
    await write('  hello ')
    await box.trigger('keydown', { key: 'Enter', shiftKey: true })
    expect(composer.emitted('send')).toBeUndefined()
    await box.trigger('keydown', { key: 'Enter' })
    expect(composer.emitted('send')).toEqual([['hello']])
  })

  it('swaps the two when asked', async () => {
    const { composer, box, write } = compose({ enterSends: false })
    await write('hello')
    await box.trigger('keydown', { key: 'Enter' })
    expect(composer.emitted('send')).toBeUndefined()
    await box.trigger('keydown', { key: 'Enter', ctrlKey: true })
    expect(composer.emitted('send')).toEqual([['hello']])
  })

  it('does not send what an input method is still composing', async () => {
    const { composer, box, write } = compose()
    await write('にほん')
    await box.trigger('keydown', { key: 'Enter', isComposing: true })
    expect(composer.emitted('send')).toBeUndefined()
  })

  it('sends nothing that is empty or too long, and says how much is left in bytes', async () => {
    const { composer, box, write } = compose()
    await write('   ')
    await box.trigger('keydown', { key: 'Enter' })
    await write('é'.repeat(101))
    expect(composer.text()).toContain('2 bytes too long')
    await box.trigger('keydown', { key: 'Enter' })
    expect(composer.emitted('send')).toBeUndefined()
    await write('é'.repeat(60))
    expect(composer.text()).toContain('80 bytes left')
    await write('short')
    expect(composer.text()).not.toContain('left')
  })

  it('completes people with the keyboard', async () => {
    const { composer, box, write } = compose()
    await write('hi @be')
    expect(composer.emitted('wantPeople')).toHaveLength(1)
    expect(composer.findAll('[role=option]').map((option) => option.text())).toEqual([expect.stringContaining('@bea'), expect.stringContaining('@ben')])
    expect(box.attributes('aria-activedescendant')).toBe(composer.findAll('[role=option]')[0]!.attributes('id'))
    await box.trigger('keydown', { key: 'ArrowDown' })
    await box.trigger('keydown', { key: 'Enter' })
    await nextTick()
    expect(box.element.value).toBe('hi @ben ')
    expect(composer.emitted('send')).toBeUndefined()
    expect(composer.find('[role=listbox]').exists()).toBe(false)
  })

  it('offers everybody only where one may address all', async () => {
    const alone = compose()
    await alone.write('@ro')
    expect(alone.composer.findAll('[role=option]')).toHaveLength(0)
    const { composer, box, write } = compose({ everybody: true })
    await write('@')
    expect(composer.findAll('[role=option]').map((option) => option.text())).toEqual([
      expect.stringContaining('@bea'), expect.stringContaining('@ben'), expect.stringContaining('@room'), expect.stringContaining('@here'),
    ])
    await write('@he')
    await composer.get('[role=option]').trigger('click')
    await nextTick()
    expect(box.element.value).toBe('@here ')
  })

  it('closes the suggestions on Escape and keeps the text', async () => {
    const { composer, box, write } = compose({ replyTo: { name: 'Ada', text: 'x' } })
    await write('@be')
    await box.trigger('keydown', { key: 'Escape' })
    expect(composer.find('[role=listbox]').exists()).toBe(false)
    expect(composer.emitted('cancelReply')).toBeUndefined()
    await box.trigger('keydown', { key: 'Escape' })
    expect(composer.emitted('cancelReply')).toHaveLength(1)
    expect(box.element.value).toBe('@be')
  })

  it('takes files that are chosen or pasted, but not the picture that comes with text', async () => {
    const { composer, box } = compose()
    const file = new File(['x'], 'peas.txt')
    const paste = (types: string[]) => box.trigger('paste', { clipboardData: { files: [file], types } })
    await paste(['Files'])
    await paste(['text/plain', 'Files'])
    expect(composer.emitted('files')).toEqual([[[file]]])
    expect(compose({ takesFiles: false }).composer.find('[data-testid=files]').exists()).toBe(false)
  })

  it('sends files without words, also while they are on their way, but not one that failed', async () => {
    const upload = { id: 'f', roomId: 'r', filename: 'peas.txt', contentType: 'text/plain', size: 9, preview: undefined, progress: 0.5, fileId: undefined, error: undefined }
    const { composer, box } = compose({ uploads: [upload] })
    await box.trigger('keydown', { key: 'Enter' })
    expect(composer.emitted('send')).toEqual([['']])
    const failed = compose({ uploads: [{ ...upload, error: new ApiError('too_large', '') }], modelValue: 'words' })
    await failed.box.trigger('keydown', { key: 'Enter' })
    expect(failed.composer.emitted('send')).toBeUndefined()
    const offline = compose({ uploads: [{ ...upload, error: new ApiError('network', '') }], modelValue: 'words' })
    await offline.box.trigger('keydown', { key: 'Enter' })
    expect(offline.composer.emitted('send')).toEqual([['words']])
  })

  it('edits the last message on arrow-up only in an empty box', async () => {
    const { composer, box, write } = compose()
    await write('x')
    await box.trigger('keydown', { key: 'ArrowUp' })
    expect(composer.emitted('editLast')).toBeUndefined()
    await write('')
    await box.trigger('keydown', { key: 'ArrowUp' })
    expect(composer.emitted('editLast')).toHaveLength(1)
  })

  it('says that one types, but not for emptying the box', async () => {
    const { composer, write } = compose()
    await write('a')
    const told = composer.emitted('typing')!.length
    await write('')
    expect(composer.emitted('typing')).toHaveLength(told)
  })
})
