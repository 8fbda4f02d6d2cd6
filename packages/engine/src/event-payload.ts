/** Payloads of events: by the schema of the definition that is loaded, as they are where there is none. */
import { TenaxError } from '@tenax/kernel'
import { parsePayload } from '@tenax/workflow'
import { isTooLong, PAYLOAD_BYTES_MAX } from '@tenax/workflow/core'
import type { Registry } from './registry.ts'
import { payloadOf } from './stored-error.ts'
import { aside } from './stray.ts'

/**
 * The JSON text of a payload, as the schema of event `name` gives it back.
 *
 * @throws TenaxError `input_invalid` with `details.issues`, `payload_too_large`; `argument_invalid` for what is no JSON
 */
export async function eventPayloadOf(registry: Registry, name: string, payload: unknown): Promise<string | undefined> {
  const definition = registry.event(name)
  if (definition === undefined) return payloadOf(payload, 'payload')
  const json = await aside(() => parsePayload(definition, payload))
  if (json === undefined || !isTooLong(json)) return json
  throw new TenaxError('payload_too_large', `the payload has more than ${PAYLOAD_BYTES_MAX} bytes of JSON`, {
    hint: 'keep bulk data in tables, and pass its key',
  })
}
