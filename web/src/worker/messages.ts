/** Said by a page to a worker that waits: the person wants the new version now. */
export const skipWaiting = 'parley:skip-waiting'

/** Said by the worker to a page, with a `path`: a notification that leads there was chosen. */
export const openPath = 'parley:open-path'

/** What a notification that the worker shows carries along; its tag is the room. */
export interface NoticeData {
  path: string
  /** The number of the message in its room's log. */
  seq?: number | undefined
}
