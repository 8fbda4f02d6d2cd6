/** One tenant's workflows: `/t/:id/runs` and `/t/:id/events`. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import {
  type Run,
  type RunDetail,
  type RunPage,
  type RunResult,
  type RunStatus,
  runDetailSchema,
  runPageSchema,
  runResultSchema,
  runSchema,
  type SentEvent,
  sentEventSchema,
} from '@tenax/protocol'
import type { EventDef, Stored, WorkflowRef } from '@tenax/workflow'
import { type Connection, callJson, callWithHeaders } from './connection.ts'

/** Options of {@link TenantRuns.start}. */
export interface StartRunOptions {
  /** The run's own id; a second start with it answers the run that is there. */
  readonly id?: string | undefined
  /** 1 to 255 characters: a start that is repeated with its key is done once. */
  readonly idempotencyKey?: string | undefined
  /** Not before. */
  readonly startAt?: Date | undefined
  /** −100 to 100; higher goes first. Default 0. */
  readonly priority?: number | undefined
}

/** What {@link TenantRuns.start} answers. */
export interface StartedRun extends Run {
  /** False when the id or the idempotency key was known. */
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
   * `run_id_reused`
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
  /** Asks the run to end through its own clean-up. Fails with `run_ended`. */
  cancel(run: string): Promise<Run>
  /** Ends the run where it stands, without clean-up. Fails with `run_ended`. */
  terminate(run: string): Promise<Run>
}

/** The events of one tenant. */
export interface TenantEvents {
  /**
   * Sends an event to runs that wait for it.
   *
   * @throws TenaxError `tenant_not_found`, `run_not_found` and `run_ended` (of `run`), `payload_too_large`
   * @example
   * await tenax.tenant('acme').events.send('approval', { yes: true }, { key: '7' })
   */
  send<P>(event: EventDef<P> | string, payload: Stored<P> | P, options?: SendEventOptions): Promise<ReceivedEvent>
}

/** The runs of the tenant `id`; nothing is sent. */
export function tenantRuns(connection: Connection, id: TenantId): TenantRuns {
  const path = `t/${id}/runs`
  const pathOf = (run: string) => `${path}/${pathPart(run)}`
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
    cancel: async (run) => callJson(connection, { method: 'POST', path: `${pathOf(run)}/cancel` }, runSchema),
    terminate: async (run) => callJson(connection, { method: 'POST', path: `${pathOf(run)}/terminate` }, runSchema),
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
