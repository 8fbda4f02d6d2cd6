/** What a Hrana stream does with each kind of request. A failure is answered in its place; the next request goes on. */
import { type Clock, InvariantError, isTenaxError, type SqlResult, type SqlValue, TenaxError } from '@tenax/kernel'
import {
  type BatchStep,
  encodeBatchResult,
  encodeDescribeResult,
  encodeStatementResult,
  evaluateCondition,
  type HranaBatch,
  type HranaSql,
  type HranaStatement,
  type StepOutcome,
  type StepResult,
  type StreamRequest,
  type StreamResponse,
  type StreamResult,
  toHranaError,
} from '@tenax/protocol'
import { splitScript } from '@tenax/sqlite'
import type { Session } from '@tenax/tenancy'
import type { StoredTexts } from '../stored-texts.ts'
import type { Stream } from '../streams.ts'

/** What running the statements of a batch needs of a stream. */
export interface StatementStream {
  readonly session: Pick<Session, 'run' | 'isAutocommit'>
  readonly storedSql: Pick<StoredTexts, 'get'>
}

/**
 * What running the requests of one body needs. `budget` is what their results may hold together, so that a thousand
 * statements cannot answer a thousand times the limit of one. `onError` hears of failures that are not the caller's.
 */
export interface StatementContext {
  readonly stream: StatementStream
  readonly budget: { bytesLeft: number }
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** As {@link StatementContext}, for every kind of request. */
export interface StreamContext extends StatementContext {
  readonly stream: Stream
}

/** Performs one request of a pipeline. Throws nothing but InvariantError. */
export async function performRequest(context: StreamContext, request: StreamRequest): Promise<StreamResult> {
  try {
    return { type: 'ok', response: await respond(context, request) }
  } catch (error) {
    return { type: 'error', error: inBand(context, error) }
  }
}

function inBand({ onError }: Pick<StatementContext, 'onError'>, error: unknown) {
  if (error instanceof InvariantError) throw error
  if (!isTenaxError(error) || error.kind === 'internal') onError(error)
  return toHranaError(error)
}

async function respond(context: StreamContext, request: StreamRequest): Promise<StreamResponse> {
  const { stream } = context
  switch (request.type) {
    case 'execute': {
      const { result, durationMs } = await timed(context, request.statement)
      const { wantRows } = request.statement
      return { type: 'execute', result: encodeStatementResult(result, { wantRows, durationMs }) }
    }
    case 'batch':
      return { type: 'batch', result: encodeBatchResult(await runBatch(context, request.batch)) }
    case 'sequence':
      await stream.session.runScript(splitScript(textOf(stream, request.source)))
      return { type: 'sequence' }
    case 'describe':
      return { type: 'describe', result: await describe(stream, request.source) }
    case 'store_sql':
      stream.storedSql.set(request.sqlId, request.sql)
      return { type: 'store_sql' }
    case 'close_sql':
      stream.storedSql.delete(request.sqlId)
      return { type: 'close_sql' }
    case 'get_autocommit':
      return { type: 'get_autocommit', is_autocommit: stream.session.isAutocommit }
    case 'close':
      return { type: 'close' }
  }
}

async function timed(
  { stream, clock, budget }: StatementContext,
  statement: HranaStatement,
): Promise<{ result: SqlResult; durationMs: number }> {
  if (budget.bytesLeft < 0) {
    throw new TenaxError('reply_too_large', 'the results of this request are too large together', {
      hint: 'ask for fewer rows at a time, or in several requests',
    })
  }
  const startMs = clock.monotonicMs()
  const result = await stream.session.run(textOf(stream, statement.source), statement.args)
  if (statement.wantRows) budget.bytesLeft -= bytesOf(result)
  return { result, durationMs: clock.monotonicMs() - startMs }
}

/** Bytes of the values in a result, counted as the engine counts them for one reply. */
function bytesOf({ rows }: SqlResult): number {
  let bytes = 0
  for (const row of rows) for (const value of row) bytes += valueBytes(value)
  return bytes
}

function valueBytes(value: SqlValue): number {
  if (typeof value === 'string') return value.length + 8
  return value instanceof Uint8Array ? value.byteLength + 8 : 8
}

function textOf(stream: StatementStream, source: HranaSql): string {
  if ('sql' in source) return source.sql
  const sql = stream.storedSql.get(source.sqlId)
  if (sql !== undefined) return sql
  throw new TenaxError('argument_invalid', `no SQL text is stored under ${source.sqlId}`, {
    hint: 'store_sql first, on this stream',
  })
}

async function describe(stream: Stream, source: HranaSql) {
  const { parsed, columns } = await stream.session.describe(textOf(stream, source))
  const isReadonly =
    parsed.kind === 'read' || parsed.kind === 'explain' || (parsed.kind === 'pragma' && parsed.pragma.action === 'read')
  return encodeDescribeResult({
    parameters: parsed.parameters.names,
    columns,
    isExplain: parsed.kind === 'explain',
    isReadonly,
  })
}

/** Runs the steps of a batch one after another; a step whose condition is false is skipped. */
async function runBatch(context: StreamContext, batch: HranaBatch): Promise<StepResult[]> {
  const results: StepResult[] = []
  for await (const step of performSteps(context, batch)) results.push(encodeStep(step))
  return results
}

/** A step as the reply to its batch has it. */
export function encodeStep(step: PerformedStep): StepResult {
  if (step.outcome === 'skipped') return { outcome: 'skipped' }
  if (step.outcome === 'error') return { outcome: 'error', error: toHranaError(step.error) }
  return {
    outcome: 'ok',
    result: encodeStatementResult(step.result, { wantRows: step.wantRows, durationMs: step.durationMs }),
  }
}

/** One step of a batch after its turn. */
export type PerformedStep =
  | { readonly outcome: 'ok'; readonly result: SqlResult; readonly wantRows: boolean; readonly durationMs: number }
  | { readonly outcome: 'error'; readonly error: unknown }
  | { readonly outcome: 'skipped' }

/** Steps that fail at once never wait for anything; after so many the event loop gets its turn. */
const STEPS_PER_TURN = 32

/** Performs the steps of a batch and yields each when it is done. */
export async function* performSteps(
  context: StatementContext,
  batch: HranaBatch,
): AsyncGenerator<PerformedStep, void, void> {
  const outcomes: StepOutcome[] = []
  for (const step of batch.steps) {
    const performed = await performStep(context, step, outcomes)
    outcomes.push(performed.outcome)
    if (performed.outcome === 'error') inBand(context, performed.error)
    if (outcomes.length % STEPS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    yield performed
  }
}

async function performStep(
  context: StatementContext,
  step: BatchStep,
  outcomes: readonly StepOutcome[],
): Promise<PerformedStep> {
  const { session } = context.stream
  const runs =
    step.condition === undefined ||
    evaluateCondition(step.condition, { outcomes, isAutocommit: () => session.isAutocommit })
  if (!runs) return { outcome: 'skipped' }
  try {
    const done = await timed(context, step.statement)
    return { outcome: 'ok', wantRows: step.statement.wantRows, ...done }
  } catch (error) {
    return { outcome: 'error', error }
  }
}
