/** Hrana over HTTP on `/t/:id/v2` and `/t/:id/v3`: what stock libSQL clients speak. */
import { parseTenantId, type TenantId } from '@tenax/kernel'
import {
  CURSOR_END,
  cursorHead,
  encodeCursorLine,
  encodePipelineReply,
  type HranaBatch,
  parseCursorRequest,
  parsePipelineRequest,
  type StreamResult,
  stepEntries,
  stepErrorEntry,
  toHranaError,
} from '@tenax/protocol'
import type { Stream } from '../streams.ts'
import { readJson } from './body.ts'
import type { AppContext, HostParts } from './environment.ts'
import { performRequest, performSteps, type StreamContext } from './hrana-stream.ts'

/** `POST …/pipeline`: requests on one stream, answered in order. */
export async function pipeline(parts: HostParts, context: AppContext): Promise<Response> {
  const { baton, requests } = parsePipelineRequest(await readJson(context))
  const stream = await streamOf(parts, context, baton)
  const results: StreamResult[] = []
  let kept = false
  try {
    for (const request of requests) results.push(await performRequest(streamContext(parts, stream), request))
    kept = requests.at(-1)?.type !== 'close'
  } finally {
    if (!kept) await parts.streams.drop(stream)
  }
  return context.json(encodePipelineReply(kept ? parts.streams.park(stream) : undefined, results))
}

/** `POST …/v3/cursor`: one batch, its results streamed line by line. */
export async function cursor(parts: HostParts, context: AppContext): Promise<Response> {
  const { baton, batch } = parseCursorRequest(await readJson(context))
  const stream = await streamOf(parts, context, baton)
  const lines = cursorLines(parts, stream, batch)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    async cancel() {
      await lines.return()
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}

/**
 * The first line carries the baton of the *next* request, so the batch is run before it is sent; what is streamed is the
 * encoding, row by row, of results that the reply limits keep small.
 */
async function* cursorLines(parts: HostParts, stream: Stream, batch: HranaBatch): AsyncGenerator<string, void, void> {
  const steps = []
  try {
    for await (const step of performSteps(streamContext(parts, stream), batch)) steps.push(step)
  } catch (error) {
    await parts.streams.drop(stream)
    throw error
  }
  yield encodeCursorLine(cursorHead(parts.streams.park(stream)))
  for (const [index, step] of steps.entries()) {
    if (step.outcome === 'error') yield encodeCursorLine(stepErrorEntry(index, toHranaError(step.error)))
    if (step.outcome === 'ok') for (const entry of stepEntries(index, step.result)) yield encodeCursorLine(entry)
  }
  yield encodeCursorLine(CURSOR_END)
}

function streamContext({ settings }: HostParts, stream: Stream): StreamContext {
  return { stream, clock: settings.clock, onError: settings.onError }
}

/** The stream of the baton, or a new one. */
async function streamOf(parts: HostParts, context: AppContext, baton: string | undefined): Promise<Stream> {
  const tenantId = parseTenantId(context.req.param('id'))
  const principal = context.get('principal')
  if (baton !== undefined) return takeStream(parts, baton, { tenantId, principal })
  const { session, lineage } = await parts.tenancy.openSession(tenantId)
  const stream: Stream = { tenantId, lineage, principal, session, storedSql: new Map() }
  parts.streams.add(stream)
  return stream
}

/** A stream whose transaction has expired says so once, as the whole answer; then it is gone. */
async function takeStream(
  { streams }: HostParts,
  baton: string,
  of: { tenantId: TenantId; principal: string },
): Promise<Stream> {
  const stream = streams.take(baton, of)
  const { endedBy } = stream.session
  if (endedBy === undefined) return stream
  await streams.drop(stream)
  throw endedBy
}
