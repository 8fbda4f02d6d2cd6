/** `GET /v1/tenants/:id/export`: one consistent file, streamed while writes go on. */
import type { TenantId } from '@tenax/kernel'
import type { TenantExport } from '@tenax/tenancy'
import type { HostParts } from './environment.ts'

/** The response begins once the file is frozen; the tenant's handle stays in use until the last byte or a hang-up. */
export function streamExport({ tenancy }: HostParts, id: TenantId): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  tenancy
    .export(id, async (file) => {
      const done = Promise.withResolvers<void>()
      resolve(responseOf(id, file, done.resolve))
      await done.promise
    })
    .catch(reject)
  return promise
}

function responseOf(id: TenantId, file: TenantExport, done: () => void): Response {
  const chunks = file.chunks[Symbol.asyncIterator]()
  const body = new ReadableStream<Uint8Array>({
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
  return new Response(body, {
    headers: {
      'content-type': 'application/vnd.sqlite3',
      'content-length': String(file.bytes),
      'content-disposition': `attachment; filename="${id}.sqlite"`,
    },
  })
}
