import type { ErrorCode, Problem, WireError } from '../protocol/types'

/** What the server refuses with; `network`: no answer from it; `gone`: what was to be sent is not here any more. */
export type Reason = ErrorCode | 'network' | 'gone'

/** A refusal by the server, or a failure to ask it. Show a sentence by `code` and `field`. */
export class ApiError extends Error {
  readonly code: Reason
  /** The field of the request that was refused, if the server named one. */
  readonly field?: string
  readonly requestId?: string
  readonly retryAfterMs?: number

  constructor(code: Reason, message: string, more: { field?: string; requestId?: string; retryAfterMs?: number } = {}) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.field = more.field
    this.requestId = more.requestId
    this.retryAfterMs = more.retryAfterMs
  }

  static fromProblem(problem: Problem): ApiError {
    return new ApiError(problem.code, problem.detail || problem.title, problem)
  }

  static fromFrame(error: WireError, requestId?: string): ApiError {
    return new ApiError(error.code, error.message, { field: error.field, retryAfterMs: error.retryAfterMs, requestId })
  }

  /** True where asking again later, unchanged, may work. */
  get temporary(): boolean {
    return ['network', 'rate_limited', 'unavailable', 'internal'].includes(this.code)
  }
}
