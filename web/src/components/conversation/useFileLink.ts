import { onMounted, shallowRef } from 'vue'
import type { FileLink } from '@/protocol/types'
import { useFileLinks } from '@/stores/fileLinks'

/**
 * The link to a file for as long as a component shows it: fetched when the component appears, if it is wanted, and once more by `renew`
 * when what it leads to could not be loaded (it may have ended meanwhile).
 */
export function useFileLink(fileId: string, wanted: boolean) {
  const links = useFileLinks()
  const link = shallowRef<FileLink | null>(null)
  const failed = shallowRef(false)
  let renewed = 0

  async function load(anew = false): Promise<void> {
    failed.value = false
    try {
      link.value = await links.get(fileId, anew)
    } catch {
      failed.value = true
    }
  }
  if (wanted) onMounted(() => load())

  /** What the link leads to could not be loaded. */
  async function renew(): Promise<void> {
    // A broken file must not ask for links for ever.
    if (Date.now() - renewed < 10_000) failed.value = true
    else {
      renewed = Date.now()
      await load(true)
    }
  }

  async function retry(): Promise<void> {
    renewed = 0
    await load(true)
  }

  return { link, failed, renew, retry }
}
