import type { Actions, Answers, ServerFrame } from '../protocol/types'

/** The live connection to the server, whatever it is made of: a socket, or requests that wait. */
export interface Channel {
  readonly isOpen: boolean
  /** Sends an action and waits for its answer; rejects with ApiError. */
  request<A extends keyof Answers>(action: A, data: Actions[A], within?: number): Promise<Answers[A]>
  /** Sends an action that has no answer; does nothing if the connection is gone. */
  post<A extends keyof Actions>(action: A, data: Actions[A]): void
  /** Says that what was missed is there: what comes from now on may be told. */
  caughtUp(): void
  /** Closes as `close` does, once no request waits for its answer. */
  retire(): void
  /** Closes without a word to `closed`. */
  close(code?: number): void
  /** Gives it up as if it had closed by itself. */
  abandon(): void
}

export interface ChannelHandlers {
  /** Every frame, in the order of arrival, answers included (before their promise settles). */
  frame: (frame: ServerFrame) => void
  /** Once, when the connection is gone for whatever reason; not called for `close`. */
  closed: (code: number) => void
}
