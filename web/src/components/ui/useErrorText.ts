import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/errors'

/** The sentence for an error in the language in use: what happened and what to do, never a code alone. */
export function useErrorText() {
  const { t } = useI18n()
  return (error: unknown): string => t(`error.${error instanceof ApiError ? error.code : 'internal'}`)
}
