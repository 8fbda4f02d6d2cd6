/** Files of exports that were written whole, on their way out. */
import type { JobOutcome } from '../jobs/job.ts'

/** An export's file, and how its room is given back. */
export type KeptExport = JobOutcome & Required<Pick<JobOutcome, 'file' | 'release'>>

/** Headers of a file of a tenant. */
export function fileHeaders(tenant: string, bytes: number): Record<string, string> {
  return {
    'content-type': 'application/vnd.sqlite3',
    'content-length': String(bytes),
    'content-disposition': `attachment; filename="${tenant}.sqlite"`,
  }
}

/** Sends a file that is nobody's behind that: it is removed when it was sent, or the client has gone, however early. */
export function sendOnce(tenant: string, { file, release }: KeptExport): Response {
  const pieces = file.read()[Symbol.asyncIterator]()
  const end = async () => {
    await pieces.return?.()
    await file.remove()
    release()
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await pieces.next()
        if (!next.done) return controller.enqueue(next.value)
        controller.close()
      } catch (error) {
        controller.error(error) // the length was promised: the client sees a body that was cut off
      }
      await end()
    },
    cancel: end,
  })
  return new Response(body, { headers: fileHeaders(tenant, file.bytes) })
}
