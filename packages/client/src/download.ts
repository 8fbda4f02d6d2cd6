/** A body on its way to the caller: it ends only when all of it came. */
import { networkFailure } from './failure.ts'

/** A file that is being received. `bytes` is its length where the server said it. */
export interface Download {
  readonly body: ReadableStream<Uint8Array>
  readonly bytes: number | undefined
}

/** The body of `response`. It fails with TenaxError `unavailable` when it breaks off, also where `fetch` does not notice. */
export function downloadOf(response: Response, origin: string): Download {
  const bytes = contentLengthOf(response)
  const reader = response.body?.getReader()
  let receivedBytes = 0
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await reader?.read().catch((error: unknown) => {
          throw networkFailure(origin, error)
        })
        if (chunk !== undefined && !chunk.done) {
          receivedBytes += chunk.value.byteLength
          controller.enqueue(chunk.value)
          return
        }
        if (bytes !== undefined && receivedBytes !== bytes) {
          throw networkFailure(origin, new Error(`it sent ${receivedBytes} of ${bytes} bytes`))
        }
        controller.close()
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return { body, bytes }
}

/** A body that was compressed on the way has another length than its header says. */
function contentLengthOf({ headers }: Response): number | undefined {
  const text = headers.get('content-length')
  return text === null || headers.has('content-encoding') || !/^[0-9]{1,15}$/.test(text) ? undefined : Number(text)
}
