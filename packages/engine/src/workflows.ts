/** Durable workflows of all tenants of one host: what HTTP, the CLI and an embedder use. */
import type { TenantId } from '@tenax/kernel'
import type {
  OutputRecord,
  RunDetail,
  RunPage,
  RunQuery,
  RunRecord,
  SendRequest,
  Sent,
  Started,
  StartRequest,
  StepRecord,
  WorkflowsOptions,
} from './port.ts'

/** The engine of one host. Every answer waits behind the tenant's gate (LEDGER G1). */
export class Workflows {
  readonly #options: WorkflowsOptions

  private constructor(options: WorkflowsOptions) {
    this.#options = options
  }

  /** Begins to run what is due. Throws TenaxError `config_invalid` when two workflows have one name. */
  static create(options: WorkflowsOptions): Workflows {
    return new Workflows(options)
  }

  /** Names of the workflows that are loaded, in order. */
  names(): readonly string[] {
    return this.#options.workflows.map(({ name }) => name).sort()
  }

  /**
   * Accepts a run: once this answers, it completes, whatever happens.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid` (`details.issues`), `payload_too_large`, `idempotency_key_reused`,
   * `argument_invalid`; and what the tenant's state brings
   */
  start(_tenant: TenantId, _request: StartRequest): Promise<Started> {
    throw new Error('not built yet')
  }

  /** @throws TenaxError `run_not_found` */
  get(_tenant: TenantId, _run: string): Promise<RunDetail> {
    throw new Error('not built yet')
  }

  /** @throws TenaxError `cursor_invalid` */
  list(_tenant: TenantId, _query?: RunQuery): Promise<RunPage> {
    throw new Error('not built yet')
  }

  /** Operations of a run in order of `seq`. Throws TenaxError `run_not_found`. */
  steps(_tenant: TenantId, _run: string): Promise<readonly StepRecord[]> {
    throw new Error('not built yet')
  }

  /** What a run has put out after `afterSeq`, a bounded page. Throws TenaxError `run_not_found`. */
  outputs(_tenant: TenantId, _run: string, _query?: { readonly afterSeq?: number }): Promise<readonly OutputRecord[]> {
    throw new Error('not built yet')
  }

  /**
   * The run once it has ended (`endedAtMs` is set), or as it is after `timeoutMs`. Pushed: nothing polls.
   *
   * @throws TenaxError `run_not_found`
   */
  result(_tenant: TenantId, _run: string, _options: { readonly timeoutMs: number }): Promise<RunDetail> {
    throw new Error('not built yet')
  }

  /** Asks a run to end through its own clean-up. Safe to repeat. Throws TenaxError `run_not_found`, `run_ended`. */
  cancel(_tenant: TenantId, _run: string): Promise<RunRecord> {
    throw new Error('not built yet')
  }

  /** Ends a run where it stands, without compensating. Throws TenaxError `run_not_found`, `run_ended`. */
  terminate(_tenant: TenantId, _run: string): Promise<RunRecord> {
    throw new Error('not built yet')
  }

  /**
   * Gives an event to the tenant. Safe to repeat with the same `id`.
   *
   * @throws TenaxError `run_not_found`, `run_ended` (of `run`), `payload_too_large`, `argument_invalid`
   */
  send(_tenant: TenantId, _request: SendRequest): Promise<Sent> {
    throw new Error('not built yet')
  }

  /** Starts no further effect, lets commits end, and forgets. Runs go on at the next start. */
  async close(): Promise<void> {
    throw new Error('not built yet')
  }
}
