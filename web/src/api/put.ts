import type { Problem, Upload } from '../protocol/types'
import { ApiError } from './errors'

/** Sends the bytes of a file to where the server wants them; `progress` is told from 0 to 1. Rejects with ApiError. */
export type PutBytes = (upload: Upload, bytes: Blob, signal: AbortSignal, progress: (part: number) => void) => Promise<void>

/** Over XMLHttpRequest, as `fetch` does not tell how much has gone out. */
export const putBytes: PutBytes = (upload, bytes, signal, progress) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest()
  request.open(upload.method, upload.url)
  for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value)
  request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0)
  request.onload = () => (request.status < 300 ? resolve() : reject(refusal(request)))
  request.onerror = () => reject(new ApiError('network', 'The file could not be sent.'))
  request.onabort = () => reject(new ApiError('network', 'The upload was given up.'))
  signal.addEventListener('abort', () => request.abort())
  if (signal.aborted) request.onabort(new ProgressEvent('abort'))
  else request.send(bytes)
})

function refusal(request: XMLHttpRequest): ApiError {
  try {
    const problem = JSON.parse(request.responseText) as Problem
    if (typeof problem.code === 'string') return ApiError.fromProblem(problem)
  } catch { /* Not Parley's own answer, but a store's. */ }
  return new ApiError(request.status >= 500 || request.status === 403 ? 'unavailable' : 'invalid_request', `The store answered ${request.status}.`)
}
