/** What a run puts out, followed until it has ended, over as many connections as that takes. */
import { ERROR_KINDS, type ErrorCode, isTenaxError, pause, TenaxError } from '@tenax/kernel'
import { DROPPED_EVENT, droppedSchema, type OutputEvent, outputEventSchema } from '@tenax/protocol'
import { type Connection, send } from './connection.ts'
import { eventsOf, type ServerEvent } from './event-stream.ts'
import { malformedReply, networkFailure, parseJson } from './failure.ts'

/** Options of {@link TenantRuns.outputs}. */
export interface OutputsOptions {
  /** `seq` of the last output that is known. Default 0: all. */
  readonly after?: number | undefined
  /** Also says when something of the run has changed, such as a step. Default false. */
  readonly changes?: boolean | undefined
  /** Ends it: the loop is left without an error. */
  readonly signal?: AbortSignal | undefined
  /** First wait before a connection that was cut off is made again, in milliseconds; it doubles. Default 250. */
  readonly retryMs?: number | undefined
}

/** Connections in a row that give nothing before the last failure is thrown: with the waits between them, half a minute. */
const FRUITLESS_MAX = 10
const RETRY_MS = 250
const RETRY_MS_MAX = 5_000

/** Gives each recorded output once, in order, and last the end of the run. */
export async function* followOutputs(
  connection: Connection,
  path: string,
  { after = 0, changes = false, signal, retryMs = RETRY_MS }: OutputsOptions = {},
): AsyncGenerator<OutputEvent> {
  let lastSeq = after
  for (let fruitlessCount = 0; ; fruitlessCount += 1) {
    try {
      for await (const event of connected(connection, { path, lastSeq, changes, signal })) {
        fruitlessCount = 0
        if ('seq' in event) lastSeq = event.seq
        yield event
        if (event.type === 'end') return
      }
      throw networkFailure(connection.origin, new Error('the stream was cut off'))
    } catch (error) {
      if (signal?.aborted) return
      if (!isPassing(error) || fruitlessCount >= FRUITLESS_MAX) throw error
    }
    await pause(Math.min(retryMs * 2 ** fruitlessCount, RETRY_MS_MAX), signal)
    if (signal?.aborted) return
  }
}

interface Resumption {
  readonly path: string
  readonly lastSeq: number
  readonly changes: boolean
  readonly signal: AbortSignal | undefined
}

/** One connection's worth. */
async function* connected(
  connection: Connection,
  { path, lastSeq, changes, signal }: Resumption,
): AsyncGenerator<OutputEvent> {
  const headers = { accept: 'text/event-stream, application/problem+json', 'last-event-id': String(lastSeq) }
  const query = { changes: changes ? 'true' : undefined }
  const { body } = await send(connection, { method: 'GET', path, query, headers, signal })
  if (body === null) throw malformedReply(`GET ${path}`)
  try {
    for await (const event of eventsOf(body, signal)) yield parsed(event)
  } catch (error) {
    throw isTenaxError(error) ? error : networkFailure(connection.origin, error)
  }
}

/** Throws what the server dropped the stream for. */
function parsed({ name, data }: ServerEvent): OutputEvent {
  const json = parseJson(data)
  if (name === DROPPED_EVENT) throw droppedFor(json)
  const event = outputEventSchema.safeParse(json)
  if (!event.success) throw malformedReply(`an event "${name}"`, event.error)
  return event.data
}

function droppedFor(json: unknown): TenaxError {
  const { success, data } = droppedSchema.safeParse(json)
  if (!success) return malformedReply(`an event "${DROPPED_EVENT}"`)
  const code = Object.hasOwn(ERROR_KINDS, data.code) ? (data.code as ErrorCode) : 'internal'
  return new TenaxError(code, data.message)
}

/** True for what may be over at the next try. */
function isPassing(error: unknown): boolean {
  return isTenaxError(error) && (error.kind === 'unavailable' || error.kind === 'overloaded')
}
