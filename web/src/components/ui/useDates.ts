import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Dates, spans and lists in the words of the language in use. All times are epoch milliseconds. */
export function useDates() {
  const { t, locale: language } = useI18n()
  const formats = computed(() => formatsOf(regional(language.value)))

  /** `09:41` */
  const time = (at: number) => formats.value.time.format(at)
  /** Weekday, date and time, for hover and screen readers. */
  const full = (at: number) => formats.value.full.format(at)
  /** `3 May 2026` */
  const date = (at: number) => formats.value.date.format(at)

  /** The name of a day: today, yesterday, or its date. */
  function dayName(at: number, now = Date.now()): string {
    const apart = daysBetween(at, now)
    if (apart === 0) return t('conversation.today')
    if (apart === 1) return t('conversation.yesterday')
    const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
    return (sameYear ? formats.value.longDay : formats.value.longDayYear).format(at)
  }

  /** The shortest that still says when: the time today, the weekday this week, else the date. */
  function brief(at: number, now = Date.now()): string {
    const apart = daysBetween(at, now)
    if (apart <= 0) return time(at)
    return apart < 7 ? formats.value.weekday.format(at) : formats.value.short.format(at)
  }

  /** `5 minutes ago` */
  function ago(at: number, now = Date.now()): string {
    const past = Math.max(0, now - at)
    const { relative } = formats.value
    if (past < hour) return relative.format(-Math.floor(past / minute), 'minute')
    if (past < day) return relative.format(-Math.floor(past / hour), 'hour')
    return past < 30 * day ? relative.format(-Math.floor(past / day), 'day') : date(at)
  }

  /** `Ada, Ben and Cleo` */
  const list = (names: readonly string[]) => formats.value.list.format(names)

  return { time, full, date, dayName, brief, ago, list }
}

/** Whole calendar days from one moment to another, in local time. */
function daysBetween(from: number, to: number): number {
  const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0)
  return Math.round((midnight(to) - midnight(from)) / day)
}

/** The variant of a language that the browser asks for, as 24 hours or 12 and the order of a date hang on it. */
function regional(language: string): string {
  return navigator.languages.find((wanted) => wanted.split('-')[0] === language) ?? language
}

/** Formats are dear to make (a room list of hundreds would make thousands) and never change: one set for each locale. */
const made = new Map<string, ReturnType<typeof makeFormats>>()

function formatsOf(locale: string) {
  const formats = made.get(locale) ?? makeFormats(locale)
  made.set(locale, formats)
  return formats
}

function makeFormats(locale: string) {
  return {
    time: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
    full: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }),
    date: new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }),
    weekday: new Intl.DateTimeFormat(locale, { weekday: 'short' }),
    short: new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit' }),
    longDay: new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }),
    longDayYear: new Intl.DateTimeFormat(locale, { dateStyle: 'full' }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
    list: new Intl.ListFormat(locale, { type: 'conjunction' }),
  }
}
