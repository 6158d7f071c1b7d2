import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import { useServices } from '../services'
import type { FileLink } from '../protocol/types'

/** A link that ends within this many milliseconds is not given out any more. */
const margin = 30_000

interface Held extends FileLink { until: number }

/** Short-lived links to files, fetched when first needed and again when they have ended. Rejects with ApiError. */
export const useFileLinks = defineStore('fileLinks', () => {
  const { routes, now } = useServices()
  const links = shallowReactive(new Map<string, Held>())
  const asking = new Map<string, Promise<FileLink>>()

  /** A link that works for a while; `anew` where the one held was found not to. */
  function get(fileId: string, anew = false): Promise<FileLink> {
    const held = links.get(fileId)
    if (held && !anew && held.until > now()) return Promise.resolve(held)
    let asked = asking.get(fileId)
    if (!asked) {
      asked = routes.file(fileId).then((link) => {
        links.set(fileId, { ...link, until: now() + link.expiresIn * 1000 - margin })
        return link
      }).finally(() => asking.delete(fileId))
      asking.set(fileId, asked)
    }
    return asked
  }

  function reset(): void {
    links.clear()
    asking.clear()
  }

  return { get, reset }
})
