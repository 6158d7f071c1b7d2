import { useI18n } from 'vue-i18n'
import type { ApiError } from '@/api/errors'
import { useSession } from '@/stores/session'

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const

/** Sizes and failures of files in the words of the language in use. */
export function useFileWords() {
  const { t, locale } = useI18n()
  const session = useSession()

  /** `1.4 MB` */
  function size(bytes: number): string {
    const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3))
    const digits = power === 0 ? 0 : 1
    return new Intl.NumberFormat(locale.value, { style: 'unit', unit: units[power]!, unitDisplay: 'short', maximumFractionDigits: digits }).format(bytes / 1000 ** power)
  }

  /** Why a file could not be sent, and what to do. */
  function failure({ code, field }: Pick<ApiError, 'code' | 'field'>): string {
    const limit = session.server?.limits.fileBytes
    switch (code) {
      case 'too_large': return field === 'size' && limit ? t('files.tooLarge', { limit: size(limit) }) : t('files.quota')
      case 'forbidden': return t('files.off')
      case 'invalid_request': return field === 'size' ? t('files.empty') : t('files.refused')
      case 'gone': return t('files.gone')
      default: return t(`error.${code}`)
    }
  }

  return { size, failure }
}
