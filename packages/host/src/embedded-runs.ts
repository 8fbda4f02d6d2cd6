/** A tenant's workflows, spoken to in-process. */
import type {
  FeedItem,
  OutputFeed,
  ReplayCheck,
  RerunPreview,
  RerunRequest,
  RunDetail,
  RunHistory,
  RunPage,
  RunQuery,
  RunRecord,
  Sent,
  Started,
  StepRecord,
  Workflows,
} from '@tenax/engine'
import type { TenantId } from '@tenax/kernel'
import { RUN_WAIT_MS } from '@tenax/protocol'
import type { EventDef, WorkflowRef } from '@tenax/workflow'

/** Options of {@link EmbeddedRuns.start}. */
export interface StartRunOptions {
  /** The run's own id; a second start with it answers the run that is there. */
  readonly id?: string
  readonly idempotencyKey?: string
  /** Not before; milliseconds since 1970 UTC. */
  readonly startAtMs?: number
  /** −100 to 100; each step is worth a minute of waiting. Default 0. */
  readonly priority?: number
}

/** Options of {@link EmbeddedEvents.send}. */
export interface SendEventOptions {
  readonly key?: string
  readonly run?: string
  /** Counts once for the tenant. */
  readonly id?: string
}

/** The runs of one tenant. Answers wait until they have the tenant's class. */
export interface EmbeddedRuns {
  /**
   * Accepts a run: once this answers, it completes, whatever happens.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid`, `payload_too_large`, `idempotency_key_reused`,
   * `singleton_conflict`, `limit_key_invalid`
   */
  start<I, O>(workflow: WorkflowRef<I, O> | string, input: I, options?: StartRunOptions): Promise<Started>
  /** Throws TenaxError `cursor_invalid`. */
  list(query?: RunQuery): Promise<RunPage>
  /** Throws TenaxError `run_not_found`, as all below. */
  get(run: string): Promise<RunDetail>
  steps(run: string): Promise<readonly StepRecord[]>
  /** The run once it has ended, or as it is after `timeoutMs` (default 20,000). */
  result(run: string, options?: { readonly timeoutMs?: number }): Promise<RunDetail>
  /**
   * What the run puts out behind `after`, and what its steps show meanwhile, until it has ended. Throws TenaxError
   * `reader_too_slow` when it is read too slowly.
   */
  outputs(run: string, options?: { readonly after?: number }): AsyncIterable<FeedItem>
  /** Throws TenaxError `run_ended`. */
  cancel(run: string): Promise<RunRecord>
  /** Throws TenaxError `run_ended`. */
  terminate(run: string): Promise<RunRecord>
  /** The run starts nothing new until it is resumed. Throws TenaxError `run_ended`, `run_cancelling`. */
  pause(run: string): Promise<RunRecord>
  /** Throws TenaxError `run_ended`. */
  resume(run: string): Promise<RunRecord>
  /** Tries it again under its id. Throws TenaxError `run_not_retryable`, `already_compensated`, `parent_informed`, `run_held`. */
  retry(run: string): Promise<RunRecord>
  /** Goes on without the compensation that is stuck. Throws TenaxError `run_ended`, `run_not_stuck`. */
  skip(run: string, options?: { readonly step?: string }): Promise<RunRecord>
  /** A new run from one that has ended. Throws TenaxError `run_not_ended`, `step_not_found`, `input_invalid`, `argument_invalid`. */
  rerun(run: string, request?: RerunRequest): Promise<Started>
  /** What `rerun` would keep and do again. */
  previewRerun(run: string, request?: RerunRequest): Promise<RerunPreview>
  /** Its record, as `checkReplay` of `tenax/testing` takes it. Throws TenaxError `payload_too_large` above 16 MiB of results. */
  history(run: string): Promise<RunHistory>
  /** Whether the code that is loaded would block it. Changes nothing. */
  check(run: string): Promise<ReplayCheck>
  /** Lets all runs go on that an import holds, and tries blocked ones again. Gives how many. */
  release(): Promise<number>
}

/** The events of one tenant. */
export interface EmbeddedEvents {
  /** Throws TenaxError `run_not_found`, `run_ended`, `input_invalid`, `payload_too_large`, `argument_invalid`. */
  send<P>(event: EventDef<P> | string, payload: P, options?: SendEventOptions): Promise<Sent>
}

/** What runs a call: it refuses when the host does not serve. */
export type WhileServing = <T>(body: () => Promise<T>) => Promise<T>

/** The workflows of the tenant `id`. */
export function embeddedWorkflows(
  workflows: Workflows,
  id: TenantId,
  whileServing: WhileServing,
): { readonly runs: EmbeddedRuns; readonly events: EmbeddedEvents } {
  return {
    runs: {
      start: (workflow, input, options = {}) =>
        whileServing(() => workflows.start(id, { workflow: nameOf(workflow), input, ...options })),
      list: (query) => whileServing(() => workflows.list(id, query)),
      get: (run) => whileServing(() => workflows.get(id, run)),
      steps: (run) => whileServing(() => workflows.steps(id, run)),
      result: (run, { timeoutMs = RUN_WAIT_MS } = {}) => whileServing(() => workflows.result(id, run, { timeoutMs })),
      outputs: (run, { after: afterSeq = 0 } = {}) =>
        followed(() => whileServing(() => workflows.follow(id, run, { afterSeq }))),
      cancel: (run) => whileServing(() => workflows.cancel(id, run)),
      terminate: (run) => whileServing(() => workflows.terminate(id, run)),
      pause: (run) => whileServing(() => workflows.pause(id, run)),
      resume: (run) => whileServing(() => workflows.resume(id, run)),
      retry: (run) => whileServing(() => workflows.retry(id, run)),
      skip: (run, options) => whileServing(() => workflows.skip(id, run, options)),
      rerun: (run, request) => whileServing(() => workflows.reruns.start(id, run, request)),
      previewRerun: (run, request) => whileServing(() => workflows.reruns.preview(id, run, request)),
      history: (run) => whileServing(() => workflows.histories.get(id, run)),
      check: (run) => whileServing(() => workflows.histories.check(id, run)),
      release: () => whileServing(() => workflows.release(id)),
    },
    events: {
      send: (event, payload, options = {}) =>
        whileServing(() => workflows.send(id, { name: nameOf(event), payload, ...options })),
    },
  }
}

async function* followed(open: () => Promise<OutputFeed>): AsyncGenerator<FeedItem> {
  yield* await open()
}

function nameOf(named: { readonly name: string } | string): string {
  return typeof named === 'string' ? named : named.name
}
