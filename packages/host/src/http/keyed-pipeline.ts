/** A pipeline with an idempotency key: one statement, or one batch that is a transaction, on a stream of its own. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import {
  encodeBatchResult,
  encodePipelineReply,
  encodeStatementResult,
  type HranaBatch,
  type PipelineRequest,
  type StreamResult,
  toHranaError,
} from '@tenax/protocol'
import { type IdempotencyKey, type KeyedOutcome, type KeyedTransaction, runKeyed } from '@tenax/tenancy'
import type { AppContext, HostParts } from './environment.ts'
import { encodeStep, type PerformedStep, performSteps } from './hrana-stream.ts'
import { answerKeyed } from './idempotency.ts'

interface KeyedPipeline {
  readonly shape: 'statement' | 'batch'
  readonly batch: HranaBatch
  /** Whether the pipeline closes its stream by itself; it is closed in any case. */
  readonly closes: boolean
}

/** Runs the pipeline once per key. Throws TenaxError `idempotency_unsupported` for any other pipeline. */
export async function keyedPipeline(
  parts: HostParts,
  context: AppContext,
  keyed: { readonly id: TenantId; readonly idempotency: IdempotencyKey; readonly request: PipelineRequest },
): Promise<Response> {
  const { id, idempotency, request } = keyed
  const pipeline = keyedPipelineOf(request)
  const gate = context.get('gate')
  const answer = await parts.tenancy.use(id, (handle) =>
    runKeyed(handle, { idempotency, gate, shape: pipeline.shape }, (transaction) =>
      perform(parts, pipeline, transaction),
    ),
  )
  return answerKeyed(answer)
}

function keyedPipelineOf({ baton, requests }: PipelineRequest): KeyedPipeline {
  const [first, second] = requests
  const closes = second?.type === 'close'
  const isAlone = baton === undefined && requests.length <= (closes ? 2 : 1)
  if (isAlone && first?.type === 'batch') return { shape: 'batch', batch: first.batch, closes }
  if (isAlone && first?.type === 'execute') {
    return { shape: 'statement', batch: { steps: [{ condition: undefined, statement: first.statement }] }, closes }
  }
  throw new TenaxError(
    'idempotency_unsupported',
    'a pipeline with a key is one execute or one batch, without a baton',
    {
      hint: 'send a batch of BEGIN, its statements, COMMIT; or give the key to each statement',
    },
  )
}

async function perform(
  { settings }: HostParts,
  pipeline: KeyedPipeline,
  transaction: KeyedTransaction,
): Promise<KeyedOutcome> {
  const budget = { bytesLeft: settings.tenancy.file.reply.bytesMax }
  const stream = { session: transaction, storedSql: NOTHING_STORED }
  const steps: PerformedStep[] = []
  const { clock, onError } = settings
  let commitIndex = 0
  for await (const step of performSteps({ stream, budget, clock, onError }, pipeline.batch)) {
    if (!transaction.commits) commitIndex = steps.length + 1
    steps.push(step)
  }
  if (pipeline.shape === 'statement') {
    return { reply: replyOf(pipeline, steps), commits: transaction.hasWritten && steps[0]?.outcome === 'ok' }
  }
  return {
    reply: replyOf(pipeline, steps),
    commits: transaction.commits,
    replyToFailure: (error) => replyOf(pipeline, steps.with(commitIndex, { outcome: 'error', error })),
  }
}

const NOTHING_STORED = { get: () => undefined }

function replyOf({ shape, closes }: KeyedPipeline, steps: readonly PerformedStep[]): string {
  const results: StreamResult[] = [shape === 'batch' ? batchResult(steps) : statementResult(steps[0])]
  if (closes) results.push({ type: 'ok', response: { type: 'close' } })
  return JSON.stringify(encodePipelineReply(undefined, results))
}

function batchResult(steps: readonly PerformedStep[]): StreamResult {
  return { type: 'ok', response: { type: 'batch', result: encodeBatchResult(steps.map(encodeStep)) } }
}

function statementResult(step: PerformedStep | undefined): StreamResult {
  if (step?.outcome === 'ok') {
    return { type: 'ok', response: { type: 'execute', result: encodeStatementResult(step.result, step) } }
  }
  return { type: 'error', error: toHranaError(step?.outcome === 'error' ? step.error : undefined) }
}
