/** One tenant's workflows: `/t/:id/runs` and `/t/:id/events`. */
import { type RunStatus, type TenantId, TenaxError } from '@tenax/kernel'
import {
  type OutputEvent,
  type ReplayCheck,
  type RerunPreview,
  type Run,
  type RunDetail,
  type RunHistory,
  type RunPage,
  type RunResult,
  replayCheckSchema,
  rerunPreviewSchema,
  runDetailSchema,
  runHistorySchema,
  runPageSchema,
  runResultSchema,
  runSchema,
  type SentEvent,
  sentEventSchema,
} from '@tenax/protocol'
import type { EventDef, Stored, WorkflowRef } from '@tenax/workflow'
import { type Connection, callJson, callWithHeaders } from './connection.ts'
import { followOutputs, type OutputsOptions } from './run-outputs.ts'

/** Options of {@link TenantRuns.start}. */
export interface StartRunOptions {
  /** The run's own id; a second start with it answers the run that is there. */
  readonly id?: string | undefined
  /** 1 to 255 characters: a start that is repeated with its key is done once. */
  readonly idempotencyKey?: string | undefined
  /** Not before. */
  readonly startAt?: Date | undefined
  /** −100 to 100; each step is worth a minute of waiting. Default 0. */
  readonly priority?: number | undefined
}

/** What {@link TenantRuns.start} answers. */
export interface StartedRun extends Run {
  /** False when the id or the idempotency key was known, or the workflow allows no second run beside this one. */
  readonly isNew: boolean
}

/** Options of {@link TenantRuns.list}. */
export interface ListRunsOptions {
  readonly status?: RunStatus | undefined
  readonly workflow?: string | undefined
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
  /** Most runs in the page: 1 to 500, default 50. */
  readonly limit?: number | undefined
}

/** Options of {@link TenantRuns.result}. */
export interface ResultOptions {
  /** Longest wait in milliseconds, at most 30,000. Default 20,000. */
  readonly timeoutMs?: number | undefined
}

/** Options of {@link TenantRuns.skip}. */
export interface SkipOptions {
  /** Only when it is the compensation of this operation that is stuck: makes the call safe to repeat. */
  readonly step?: string | undefined
}

/** Options of {@link TenantRuns.rerun}. */
export interface RerunOptions {
  /** Identity of the first operation that runs again; unsaid, everything does. */
  readonly from?: string | undefined
  /** Replaces the input, if it is there. */
  readonly input?: unknown
  /** Results that replace those that are kept, by the identities of their operations. */
  readonly results?: Readonly<Record<string, unknown>> | undefined
  /** The new run's own id. */
  readonly id?: string | undefined
  readonly idempotencyKey?: string | undefined
}

/** Options of {@link TenantEvents.send}. */
export interface SendEventOptions {
  /** For who waits for this key. */
  readonly key?: string | undefined
  /** For this run only. */
  readonly run?: string | undefined
  /** Counts once for the tenant. */
  readonly id?: string | undefined
}

/** What {@link TenantEvents.send} answers. */
export interface ReceivedEvent extends SentEvent {
  /** False when the id was known. */
  readonly isNew: boolean
}

/**
 * The runs of one tenant. Every method rejects with a TenaxError: `tenant_not_found`, `unauthorized`, `unavailable` when no
 * answer came, and the codes named beside it.
 */
export interface TenantRuns {
  /**
   * Starts a run: once this answers, it completes, whatever happens.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid` with `details.issues`, `payload_too_large`, `idempotency_key_reused`,
   * `run_id_reused`, `singleton_conflict` with `details.run`, `limit_key_invalid`
   * @example
   * const { id } = await tenax.tenant('acme').runs.start('trial', { email: 'a@b.c' })
   */
  start<I, O>(workflow: WorkflowRef<I, O> | string, input: I, options?: StartRunOptions): Promise<StartedRun>
  /** One page, newest first. Fails with `cursor_invalid`. */
  list(options?: ListRunsOptions): Promise<RunPage>
  /** The run, its steps, and what it waits for. Fails with `run_not_found`, as all below. */
  get(run: string): Promise<RunDetail>
  /** The run once it has ended (`endedAt` is set), or as it is when the time is over. */
  result(run: string, options?: ResultOptions): Promise<RunResult>
  /**
   * What the run puts out, and what its steps show meanwhile, until it has ended: the last item has the type `end`. Each
   * recorded output comes once and in order, also when the connection is cut off, or the server started again, between.
   *
   * @throws TenaxError `run_not_found`; `unavailable` or `overloaded` when the server stays away for half a minute
   * @example
   * for await (const output of tenax.tenant('acme').runs.outputs(id)) {
   *   if (output.type === 'emit') console.log(output.value)
   * }
   */
  outputs(run: string, options?: OutputsOptions): AsyncIterable<OutputEvent>
  /** Asks the run to end through its own clean-up. Fails with `run_ended`. */
  cancel(run: string): Promise<Run>
  /** Ends the run where it stands, without clean-up. Fails with `run_ended`. */
  terminate(run: string): Promise<Run>
  /**
   * The run starts nothing new until it is resumed; what is in flight is recorded. Safe to repeat. Fails with `run_ended`,
   * `run_cancelling`.
   */
  pause(run: string): Promise<Run>
  /** Lets a paused run go on. Safe to repeat. Fails with `run_ended`. */
  resume(run: string): Promise<Run>
  /**
   * Tries a run again under its id, with the same idempotency keys: one that has failed, whose compensation is stuck, or that is
   * blocked. Safe to repeat. Fails with `run_not_retryable`, `already_compensated`, `parent_informed`, `run_held`.
   */
  retry(run: string): Promise<Run>
  /** Lets a run go on without the compensation that is stuck. Fails with `run_ended`, `run_not_stuck`. */
  skip(run: string, options?: SkipOptions): Promise<Run>
  /**
   * Runs an ended run again, as a new one with new idempotency keys. Fails with `run_not_ended`, `step_not_found`,
   * `workflow_unknown`, `input_invalid`, `payload_too_large`, `argument_invalid`, `idempotency_key_reused`, `run_id_reused`.
   *
   * @example
   * await tenax.tenant('acme').runs.rerun('r-1', { from: 'charge[1]', results: { 'quote#1': { amount: 3 } } })
   */
  rerun(run: string, options?: RerunOptions): Promise<StartedRun>
  /** What {@link TenantRuns.rerun} would keep and do again of what the run did. Changes nothing. */
  previewRerun(run: string, options?: RerunOptions): Promise<RerunPreview>
  /**
   * The record of a run, ended or not, as `checkReplay` of `tenax/testing` takes it. Fails with `payload_too_large` above 16 MiB of
   * results.
   *
   * @example
   * const history = await tenax.tenant('acme').runs.history('r-1')
   * await writeFile('trial-history.json', JSON.stringify(history))
   */
  history(run: string): Promise<RunHistory>
  /** Whether the code that the server has loaded would block the run. Changes nothing. */
  check(run: string): Promise<ReplayCheck>
}

/** The events of one tenant. */
export interface TenantEvents {
  /**
   * Sends an event to runs that wait for it.
   *
   * @throws TenaxError `tenant_not_found`, `run_not_found` and `run_ended` (of `run`), `input_invalid` with `details.issues`,
   * `payload_too_large`
   * @example
   * await tenax.tenant('acme').events.send('approval', { yes: true }, { key: '7' })
   */
  send<P>(event: EventDef<P> | string, payload: Stored<P> | P, options?: SendEventOptions): Promise<ReceivedEvent>
}

/** The runs of the tenant `id`; nothing is sent. */
export function tenantRuns(connection: Connection, id: TenantId): TenantRuns {
  const path = `t/${id}/runs`
  const pathOf = (run: string) => `${path}/${pathPart(run)}`
  const verb = (name: string) => async (run: string) =>
    callJson(connection, { method: 'POST', path: `${pathOf(run)}/${name}` }, runSchema)
  return {
    async start(workflow, input, { id: runId, idempotencyKey, startAt, priority } = {}) {
      const json = { workflow: nameOf(workflow), input, id: runId, idempotencyKey, startAt, priority }
      const { reply, headers } = await callWithHeaders(connection, { method: 'POST', path, json }, runSchema)
      return { ...reply, isNew: isNewOf(headers) }
    },
    list: ({ status, workflow, cursor, limit } = {}) =>
      callJson(connection, { method: 'GET', path, query: { status, workflow, cursor, limit } }, runPageSchema),
    get: async (run) => callJson(connection, { method: 'GET', path: pathOf(run) }, runDetailSchema),
    result: async (run, { timeoutMs } = {}) => {
      const query = { timeout_ms: timeoutMs }
      return callJson(connection, { method: 'GET', path: `${pathOf(run)}/result`, query }, runResultSchema)
    },
    outputs: (run, options) => followOutputs(connection, `${pathOf(run)}/outputs`, options),
    cancel: verb('cancel'),
    terminate: verb('terminate'),
    pause: verb('pause'),
    resume: verb('resume'),
    retry: verb('retry'),
    skip: async (run, { step } = {}) =>
      callJson(connection, { method: 'POST', path: `${pathOf(run)}/skip`, json: { step } }, runSchema),
    async rerun(run, options = {}) {
      const call = { method: 'POST', path: `${pathOf(run)}/rerun`, json: { ...options } } as const
      const { reply, headers } = await callWithHeaders(connection, call, runSchema)
      return { ...reply, isNew: isNewOf(headers) }
    },
    previewRerun: async (run, options = {}) => {
      const call = { method: 'POST', path: `${pathOf(run)}/rerun`, json: { ...options, preview: true } } as const
      return callJson(connection, call, rerunPreviewSchema)
    },
    history: async (run) => callJson(connection, { method: 'GET', path: `${pathOf(run)}/history` }, runHistorySchema),
    check: async (run) => callJson(connection, { method: 'GET', path: `${pathOf(run)}/check` }, replayCheckSchema),
  }
}

/** The events of the tenant `id`; nothing is sent. */
export function tenantEvents(connection: Connection, id: TenantId): TenantEvents {
  return {
    async send(event, payload, { key, run, id: eventId } = {}) {
      const json = { name: nameOf(event), payload, key, run, id: eventId }
      const call = { method: 'POST', path: `t/${id}/events`, json } as const
      const { reply, headers } = await callWithHeaders(connection, call, sentEventSchema)
      return { ...reply, isNew: isNewOf(headers) }
    },
  }
}

/** A run's id as a part of a URL. Throws TenaxError `argument_invalid` for what a URL would swallow. */
function pathPart(run: string): string {
  if (/^\.{0,2}$/.test(run)) throw new TenaxError('argument_invalid', 'not the id of a run')
  return encodeURIComponent(run)
}

function nameOf(named: { readonly name: string } | string): string {
  return typeof named === 'string' ? named : named.name
}

function isNewOf(headers: Headers): boolean {
  return headers.get('idempotency-replayed') !== 'true'
}
