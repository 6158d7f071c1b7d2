import type { Attachment } from '@/protocol/types'

/** How a file of a message is shown: as a picture, with a player, or as a card to download. */
export type FileKind = 'picture' | 'video' | 'audio' | 'card'

export function kindOf({ contentType, width, height, thumbnail, size }: Attachment): FileKind {
  // A large picture without a thumbnail would be loaded whole by everybody who passes by.
  if (/^image\/(png|jpeg|gif|webp)$/.test(contentType) && width && height) return thumbnail || size < 1_000_000 ? 'picture' : 'card'
  if (/^video\/(mp4|webm|ogg)$/.test(contentType)) return 'video'
  return /^audio\/(mpeg|mp4|aac|ogg|webm|wav|x-wav|wave|flac|x-flac)$/.test(contentType) ? 'audio' : 'card'
}
