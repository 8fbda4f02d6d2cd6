/**
 * Hrana over HTTP, `/v2/pipeline` and `/v3/pipeline`: requests on one stream, answered one by one in order.
 *
 * Both versions take the same body. A body that breaks the protocol (a malformed value or condition, an unknown request,
 * a `close` that is not last) fails as a whole, before any of it runs; a request that fails fails alone, in its place.
 */
import { z } from 'zod'
import { parseBody } from '../body.ts'
import { BATON_CHARS_MAX, PIPELINE_REQUESTS_MAX } from '../limits.ts'
import { type HranaError, hranaErrorSchema } from '../problem.ts'
import { sqlTextSchema } from '../text.ts'
import { batchResultSchema, batchSchema, type HranaBatch, type HranaBatchResult } from './batch.ts'
import { type DescribeResult, describeResultSchema } from './describe.ts'
import {
  type HranaSql,
  type HranaStatement,
  type HranaStatementResult,
  sqlIdSchema,
  sqlSourceOf,
  sqlSourceShape,
  statementResultSchema,
  statementSchema,
} from './statement.ts'

/** One request of a pipeline. */
export type StreamRequest =
  | { readonly type: 'execute'; readonly statement: HranaStatement }
  | { readonly type: 'batch'; readonly batch: HranaBatch }
  | { readonly type: 'sequence'; readonly source: HranaSql }
  | { readonly type: 'describe'; readonly source: HranaSql }
  | { readonly type: 'store_sql'; readonly sqlId: number; readonly sql: string }
  | { readonly type: 'close_sql'; readonly sqlId: number }
  | { readonly type: 'get_autocommit' }
  | { readonly type: 'close' }

/** A pipeline. Without a baton it opens a stream; `close`, if there is one, is last. */
export interface PipelineRequest {
  readonly baton: string | undefined
  readonly requests: readonly StreamRequest[]
}

const streamRequestSchema = z.discriminatedUnion('type', [
  z
    .object({ type: z.literal('execute'), stmt: statementSchema })
    .transform(({ type, stmt }): StreamRequest => ({ type, statement: stmt })),
  z
    .object({ type: z.literal('batch'), batch: batchSchema })
    .transform(({ type, batch }): StreamRequest => ({ type, batch })),
  z
    .object({ type: z.literal('sequence'), ...sqlSourceShape })
    .transform((input, context): StreamRequest => ({ type: input.type, source: sqlSourceOf(input, context) })),
  z
    .object({ type: z.literal('describe'), ...sqlSourceShape })
    .transform((input, context): StreamRequest => ({ type: input.type, source: sqlSourceOf(input, context) })),
  z
    .object({ type: z.literal('store_sql'), sql_id: sqlIdSchema, sql: sqlTextSchema })
    .transform(({ type, sql_id: sqlId, sql }): StreamRequest => ({ type, sqlId, sql })),
  z
    .object({ type: z.literal('close_sql'), sql_id: sqlIdSchema })
    .transform(({ type, sql_id: sqlId }): StreamRequest => ({ type, sqlId })),
  z.object({ type: z.literal('get_autocommit') }).transform(({ type }): StreamRequest => ({ type })),
  z.object({ type: z.literal('close') }).transform(({ type }): StreamRequest => ({ type })),
])

/** A baton as clients send it back. */
export const batonSchema = z.string().max(BATON_CHARS_MAX).nullish()

/** The body of a pipeline as clients send it; parses to {@link PipelineRequest}. */
export const pipelineRequestSchema = z
  .object({ baton: batonSchema, requests: z.array(streamRequestSchema).max(PIPELINE_REQUESTS_MAX) })
  .transform(({ baton, requests }, context): PipelineRequest => {
    const closeIndex = requests.findIndex(({ type }) => type === 'close')
    if (closeIndex >= 0 && closeIndex < requests.length - 1) {
      context.addIssue({ code: 'custom', message: 'close must be the last request', path: ['requests', closeIndex] })
    }
    return { baton: baton ?? undefined, requests }
  })

/**
 * The pipeline in a parsed JSON body. Unknown members are ignored.
 *
 * @throws TenaxError `body_invalid` with `details.issues`
 * @example
 * parsePipelineRequest({ baton: null, requests: [{ type: 'execute', stmt: { sql: 'select 1' } }, { type: 'close' }] })
 */
export function parsePipelineRequest(body: unknown): PipelineRequest {
  return parseBody(pipelineRequestSchema, body)
}

/** The answer to a request that succeeded; its type is the request's. */
export type StreamResponse =
  | { readonly type: 'execute'; readonly result: HranaStatementResult }
  | { readonly type: 'batch'; readonly result: HranaBatchResult }
  | { readonly type: 'describe'; readonly result: DescribeResult }
  | { readonly type: 'get_autocommit'; readonly is_autocommit: boolean }
  | { readonly type: 'sequence' | 'store_sql' | 'close_sql' | 'close' }

/** The answer to one request. */
export type StreamResult =
  | { readonly type: 'ok'; readonly response: StreamResponse }
  | { readonly type: 'error'; readonly error: HranaError }

/** The answer to a pipeline: as many results as requests. A null baton means that the stream is closed. */
export interface PipelineReply {
  readonly baton: string | null
  readonly base_url: string | null
  readonly results: readonly StreamResult[]
}

/** The answer to a pipeline, as clients read it. */
export const pipelineReplySchema = z.object({
  baton: z.string().nullable(),
  base_url: z.string().nullable(),
  results: z.array(
    z.discriminatedUnion('type', [
      z.object({
        type: z.literal('ok'),
        response: z.discriminatedUnion('type', [
          z.object({ type: z.literal('execute'), result: statementResultSchema }),
          z.object({ type: z.literal('batch'), result: batchResultSchema }),
          z.object({ type: z.literal('describe'), result: describeResultSchema }),
          z.object({ type: z.literal('get_autocommit'), is_autocommit: z.boolean() }),
          z.object({ type: z.enum(['sequence', 'store_sql', 'close_sql', 'close']) }),
        ]),
      }),
      z.object({ type: z.literal('error'), error: hranaErrorSchema }),
    ]),
  ),
})

/** The answer to a pipeline. `baton` is undefined when the stream is closed; the client stays with its URL. */
export function encodePipelineReply(baton: string | undefined, results: readonly StreamResult[]): PipelineReply {
  return { baton: baton ?? null, base_url: null, results }
}
