import type { DayRow, MessageRow, NewRow, NoticeRow, Row } from '@/timeline/types'

/**
 * One item of the virtual list: a message or notice with the separators above it. Separators come and go with what
 * is loaded around them; as part of an item they never are what the list holds on to while it keeps its place.
 */
export interface ListItem {
  key: string
  lead: (DayRow | NewRow)[]
  row: MessageRow | NoticeRow | { kind: 'beginning'; key: string }
}

/** Gathers rows into items; `atBeginning` puts the beginning of the room before them. */
export function listItems(rows: readonly Row[], atBeginning: boolean): ListItem[] {
  const items: ListItem[] = atBeginning ? [{ key: 'beginning', lead: [], row: { kind: 'beginning', key: 'beginning' } }] : []
  let lead: ListItem['lead'] = []
  for (const row of rows) {
    if (row.kind === 'day' || row.kind === 'new') {
      lead.push(row)
    } else {
      items.push({ key: row.key, lead, row })
      lead = []
    }
  }
  return items
}

/** Where the row of a key stands, be it an item or a separator above one; −1 if nowhere. */
export function indexOfKey(items: readonly ListItem[], key: string): number {
  return items.findIndex((item) => item.key === key || item.lead.some((row) => row.key === key))
}
