/**
 * `GET /t/:id/runs/:run/outputs`: a page as JSON, or all that comes as server-sent events. A stream holds nothing of what is
 * recorded: the next page is read when the last one has left. A client that does not read is let go after two heartbeats.
 */
import type { OutputFeed } from '@tenax/engine'
import { isTenaxError, messageOf, TenaxError } from '@tenax/kernel'
import { DROPPED_EVENT, outputsQuerySchema, parseSearchParams } from '@tenax/protocol'
import { type SSEMessage, streamSSE } from 'hono/streaming'
import type { AppContext, HostParts } from './environment.ts'
import { hostFailed } from './failure.ts'
import { eventResource } from './output-resource.ts'
import { SseSender } from './sse-sender.ts'

/** What of a run is asked for: a page, or a stream, behind the output `after`. */
export interface OutputsRequest {
  readonly isStream: boolean
  readonly hasChanges: boolean
  readonly after: number
  readonly limit: number
}

/** Throws TenaxError `argument_invalid`. */
export function outputsRequestOf(context: AppContext): OutputsRequest {
  const { req } = context
  const { after, limit, changes } = parseSearchParams(outputsQuerySchema, new URL(req.url).searchParams)
  const isStream = req.method === 'GET' && /\btext\/event-stream\b/i.test(req.header('accept') ?? '')
  const lastId = req.header('last-event-id') ?? ''
  const request = { isStream, hasChanges: changes === 'true', limit }
  if (lastId === '') return { ...request, after }
  if (/^[0-9]{1,9}$/.test(lastId)) return { ...request, after: Number(lastId) }
  throw new TenaxError('argument_invalid', 'Last-Event-ID is not the id of an output', {
    hint: 'send the id of the last event that had one, or leave it out',
  })
}

/** The stream of what `feed` gives. It ends with an `end` event, or a `dropped` one that says why. */
export function streamOutputs(parts: HostParts, context: AppContext, feed: OutputFeed): Response {
  return streamSSE(context, async (stream) => {
    const sender = new SseSender(parts, stream, feed)
    try {
      for await (const item of feed) {
        if (parts.hasFailed()) throw hostFailed()
        const event = eventResource(item)
        const id = 'seq' in event ? { id: String(event.seq) } : {}
        await sender.send({ event: event.type, data: JSON.stringify(event), ...id })
      }
    } catch (error) {
      await sender.send(droppedFor(parts, error))
    } finally {
      sender.close()
    }
  })
}

/** The event that says why the server ends a stream. */
export function droppedFor(parts: HostParts, error: unknown): SSEMessage {
  if (!isTenaxError(error)) parts.settings.onError(error)
  const { code, message } = isTenaxError(error)
    ? error
    : { code: 'internal', message: `the stream failed: ${messageOf(error)}` }
  return { event: DROPPED_EVENT, data: JSON.stringify({ code, message }) }
}
