import type { Message } from '@/protocol/types'

/** What a message says in one line: its words, or the names of its files. */
export function summary({ content, attachments }: Pick<Message, 'content' | 'attachments'>, limit?: number): string {
  return plainText(content, limit) || attachments.map((file) => `📎 ${file.filename}`).join(', ')
}

/** One line of plain text out of Markdown, for previews, quotes and announcements. */
export function plainText(markdown: string, limit = 160): string {
  const text = markdown
    .slice(0, limit * 4)
    .replace(/```[^\n`]*\n?/g, ' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s{0,3}(#{1,6}\s+|>\s?|[-*+]\s+)/gm, '')
    .replace(/(\*\*|__|~~|`)/g, '')
    .replace(/(?<![\p{L}\p{N}_*])([_*])(?!\s)([^_*\n]+)(?<!\s)\1(?![\p{L}\p{N}_*])/gu, '$2')
    .replace(/\s+/g, ' ')
    .trim()
  const chars = [...text]
  return chars.length > limit ? `${chars.slice(0, limit - 1).join('')}…` : text
}
