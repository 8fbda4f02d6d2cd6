/** What a run puts out, followed until it has ended, over as many connections as that takes. */
import { ERROR_KINDS, type ErrorCode, isTenaxError, TenaxError } from '@tenax/kernel'
import { DROPPED_EVENT, droppedSchema, type OutputEvent, outputEventSchema } from '@tenax/protocol'
import { type Connection, send } from './connection.ts'
import { eventsOf, type ServerEvent } from './event-stream.ts'
import { malformedReply, networkFailure, parseJson } from './failure.ts'
import { reconnecting } from './reconnecting.ts'

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

/** Gives each recorded output once, in order, and last the end of the run. */
export async function* followOutputs(
  connection: Connection,
  path: string,
  { after = 0, changes = false, signal, retryMs }: OutputsOptions = {},
): AsyncGenerator<OutputEvent> {
  let lastSeq = after
  const connect = () => connected(connection, { path, lastSeq, changes, signal })
  const isLast = ({ type }: OutputEvent) => type === 'end'
  for await (const event of reconnecting({ connect, isLast, origin: connection.origin, signal, retryMs })) {
    if ('seq' in event) lastSeq = event.seq
    yield event
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

/** What the server has ended a stream for. */
export function droppedFor(json: unknown): TenaxError {
  const { success, data } = droppedSchema.safeParse(json)
  if (!success) return malformedReply(`an event "${DROPPED_EVENT}"`)
  const code = Object.hasOwn(ERROR_KINDS, data.code) ? (data.code as ErrorCode) : 'internal'
  return new TenaxError(code, data.message)
}
