/** `GET /v1/tenants/:id/export`: one consistent file, streamed while writes go on. */
import type { TenantId } from '@tenax/kernel'
import type { TenantExport } from '@tenax/tenancy'
import type { HostParts } from './environment.ts'
import { fileHeaders } from './kept-file.ts'

/**
 * The response begins once the file is frozen; the tenant's handle stays in use until the last byte, a hang-up, or until
 * the tenant is deleted, replaced or suspended: a download that has stalled must not hold those up. HEAD reads nothing.
 */
export function streamExport(
  { tenancy }: HostParts,
  { id, method }: { id: TenantId; method: string },
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  tenancy
    .export(id, async (file) => {
      const headers = fileHeaders(id, file.bytes)
      if (method === 'HEAD') return resolve(new Response(null, { headers }))
      const done = Promise.withResolvers<void>()
      resolve(new Response(bodyOf(file, done.resolve), { headers }))
      await Promise.race([done.promise, file.interrupted])
    })
    .catch(reject)
  return promise
}

function bodyOf(file: TenantExport, done: () => void): ReadableStream<Uint8Array> {
  const chunks = file.chunks[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await chunks.next()
        if (!next.done) return controller.enqueue(next.value)
        controller.close()
      } catch (error) {
        controller.error(error) // the length was promised: the client sees a body that was cut off
      }
      done()
    },
    cancel: done,
  })
}
