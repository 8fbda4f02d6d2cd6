/** Hrana over HTTP on `/t/:id/v2` and `/t/:id/v3`: what stock libSQL clients speak. */
import { parseTenantId, type TenantId, TenaxError } from '@tenax/kernel'
import {
  CURSOR_END,
  cursorHead,
  encodeCursorLine,
  encodePipelineReply,
  parseCursorRequest,
  parsePipelineRequest,
  type StreamResult,
  stepEntries,
  stepErrorEntry,
  toHranaError,
} from '@tenax/protocol'
import type { Gate, Tenancy } from '@tenax/tenancy'
import { StoredTexts } from '../stored-texts.ts'
import { batonInvalid, type Stream } from '../streams.ts'
import { readJson, refuseTooMany } from './body.ts'
import type { AppContext, HostParts } from './environment.ts'
import { type PerformedStep, performRequest, performSteps, type StreamContext } from './hrana-stream.ts'
import { IDEMPOTENCY_HEADER, idempotencyKeyOf } from './idempotency.ts'
import { keyedPipeline } from './keyed-pipeline.ts'

/** `POST …/pipeline`: requests on one stream, answered in order. */
export async function pipeline(parts: HostParts, context: AppContext): Promise<Response> {
  const body = refuseTooMany(await readJson(parts, context))
  const request = parsePipelineRequest(body)
  const idempotency = idempotencyKeyOf(context, 'pipeline', body)
  if (idempotency !== undefined) {
    return keyedPipeline(parts, context, { id: parseTenantId(context.req.param('id')), idempotency, request })
  }
  const { baton, requests } = request
  const stream = await streamOf(parts, context, baton)
  const results: StreamResult[] = []
  const onStream = streamContext(parts, stream)
  const next = await keep(parts, stream, async () => {
    for (const request of requests) results.push(await performRequest(onStream, request))
    return requests.at(-1)?.type !== 'close'
  })
  return context.json(encodePipelineReply(next, results))
}

/**
 * `POST …/v3/cursor`: one batch, its results streamed line by line. The first line carries the baton of the *next*
 * request, so the batch is run before it is sent; what is streamed is the encoding, row by row, of results that the reply
 * limits keep small.
 */
export async function cursor(parts: HostParts, context: AppContext): Promise<Response> {
  refuseKey(context)
  const { baton, batch } = parseCursorRequest(refuseTooMany(await readJson(parts, context)))
  const stream = await streamOf(parts, context, baton)
  const steps: PerformedStep[] = []
  const next = await keep(parts, stream, async () => {
    for await (const step of performSteps(streamContext(parts, stream), batch)) steps.push(step)
    return true
  })
  const lines = cursorLines(next, steps)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = lines.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}

function refuseKey(context: AppContext): void {
  if (context.req.header(IDEMPOTENCY_HEADER) === undefined) return
  throw new TenaxError('idempotency_unsupported', 'a cursor takes no idempotency key', {
    hint: 'send the batch to the pipeline',
  })
}

function* cursorLines(baton: string | undefined, steps: readonly PerformedStep[]): Generator<string, void, void> {
  yield encodeCursorLine(cursorHead(baton))
  for (const [index, step] of steps.entries()) {
    if (step.outcome === 'error') yield encodeCursorLine(stepErrorEntry(index, toHranaError(step.error)))
    if (step.outcome !== 'ok') continue
    const result = step.wantRows ? step.result : { ...step.result, rows: [] }
    for (const entry of stepEntries(index, result)) yield encodeCursorLine(entry)
  }
  yield encodeCursorLine(CURSOR_END)
}

/** Runs `body`, then parks the stream if that says so, and gives its baton. A host that closes keeps no stream. */
async function keep({ streams, isServing }: HostParts, stream: Stream, body: () => Promise<boolean>) {
  let kept = false
  try {
    kept = (await body()) && isServing()
  } finally {
    if (!kept) await streams.drop(stream)
  }
  return kept ? streams.park(stream) : undefined
}

function streamContext({ settings }: HostParts, stream: Stream): StreamContext {
  const budget = { bytesLeft: settings.tenancy.file.reply.bytesMax }
  return { stream, budget, clock: settings.clock, onError: settings.onError }
}

/** The stream of the baton, or a new one. */
async function streamOf(parts: HostParts, context: AppContext, baton: string | undefined): Promise<Stream> {
  const tenantId = parseTenantId(context.req.param('id'))
  const principal = context.get('principal')
  const gate = context.get('gate')
  if (baton !== undefined) return takeStream(parts, baton, { tenantId, principal, gate })
  const { session, lineage } = await parts.tenancy.openSession(tenantId, gate)
  session.answerThrough(gate)
  const stream: Stream = { tenantId, lineage, principal, session, storedSql: new StoredTexts(parts.streams.textBudget) }
  parts.streams.add(stream)
  return stream
}

/** A stream whose transaction has expired, or whose tenant is another one now, says so once; then it is gone. */
async function takeStream(
  { streams, tenancy }: HostParts,
  baton: string,
  of: { tenantId: TenantId; principal: string; gate: Gate },
): Promise<Stream> {
  const stream = streams.take(baton, of)
  try {
    if (stream.session.endedBy !== undefined) throw stream.session.endedBy
    // A stream inside a transaction holds its handle, and is ended with it; asking for the handle again could wait for itself.
    stream.session.answerThrough(of.gate)
    if (stream.session.isAutocommit) await refuseOtherLineage(tenancy, stream, of.gate)
    return stream
  } catch (error) {
    await streams.drop(stream)
    throw error
  }
}

async function refuseOtherLineage(tenancy: Tenancy, stream: Stream, gate: Gate): Promise<void> {
  const lineage = await tenancy.use(stream.tenantId, async (handle) => {
    handle.showTo(gate)
    return handle.meta.lineage
  })
  if (lineage !== stream.lineage) throw batonInvalid()
}
