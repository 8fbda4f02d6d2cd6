/** What the engine takes and gives: the types of {@link Workflows}. Times are integer milliseconds since 1970 UTC. */
import type { Clock, RandomId, RunStatus, TenantId } from '@tenax/kernel'
import type { EventDef, Json, Workflow } from '@tenax/workflow'
import type { EngineSeams } from './seams.ts'
import type { EngineTenancy } from './tenancy-port.ts'
import type { StallMark } from './watch/stall-mark.ts'

/** A workflow of whatever input. */
export type AnyWorkflow = Workflow<never, unknown>

/** An event of whatever payload. */
export type AnyEvent = EventDef<unknown>

/** What a host has loaded. Names are unique. */
export interface Definitions {
  readonly workflows: readonly AnyWorkflow[]
  /** Payloads of these are checked by their schemas when they are sent; those of others are taken as they are. */
  readonly events: readonly AnyEvent[]
}

/** A failure as it is shown. */
export interface ShownError {
  readonly code: string
  readonly message: string
  readonly data?: Json
}

/** A run without what it was given and what it came to. */
export interface RunRecord {
  readonly id: string
  readonly workflow: string
  readonly version: string | undefined
  readonly status: RunStatus
  /** Higher goes first. */
  readonly priority: number
  readonly createdAtMs: number
  /** Not before. */
  readonly startAtMs: number
  /** Undefined until it ran for the first time. */
  readonly startedAtMs: number | undefined
  readonly endedAtMs: number | undefined
  readonly cancelRequestedAtMs: number | undefined
  /** Since when it starts nothing new; undefined when it is not paused. */
  readonly pausedAtMs: number | undefined
  /** Why it does not go on although it has not ended, such as `workflow_changed: …`. */
  readonly blockedReason: string | undefined
  /** The run whose child it is. */
  readonly parent: string | undefined
  /** The run that went on as this one with `continueAs`. */
  readonly predecessor: string | undefined
  readonly successor: string | undefined
  /** The run that it is a rerun of. */
  readonly origin: string | undefined
}

/** A run with everything but its steps. `output` is there when it completed, `error` when it failed. */
export interface RunDetail extends RunRecord {
  readonly input: Json | undefined
  readonly output: Json | undefined
  readonly error: ShownError | undefined
  /** Of a run that waits for a slot of its workflow's `concurrency`: the key, and how many are before it, up to 1,000. */
  readonly slot: { readonly key: string; readonly aheadCount: number } | undefined
  /** What it has come to, while its children have not ended; undefined before and behind that. */
  readonly closingAs: RunStatus | undefined
  /** What `set` left, by key. */
  readonly values: Readonly<Record<string, Json>>
}

/** What became of an operation. */
export type StepStatus = 'open' | 'completed' | 'failed' | 'cancelled' | 'dropped'

/** An operation of a run, as recorded. Members that a kind does not have are undefined. */
export interface StepRecord {
  readonly seq: number
  /** `scope/name[key]` or `scope/name#n`. */
  readonly identity: string
  readonly kind: 'step' | 'tx' | 'sql' | 'sleep' | 'wait' | 'child' | 'send'
  readonly status: StepStatus
  readonly askedAtMs: number
  readonly completedAtMs: number | undefined
  /** Attempts that were recorded. */
  readonly attempts: number
  /** When a sleep, a wait's deadline, or a step's next attempt is due. */
  readonly dueAtMs: number | undefined
  /** What a wait waits for. */
  readonly event: string | undefined
  readonly key: string | undefined
  /** The run that a `child` started. */
  readonly child: string | undefined
  readonly result: Json | undefined
  /** Of the operation; of the last attempt while it is open. */
  readonly error: ShownError | undefined
}

/** What `emit` and `log` left, in order of `seq`. */
export interface OutputRecord {
  readonly seq: number
  readonly type: 'emit' | 'log'
  readonly atMs: number
  readonly message: string | undefined
  readonly value: Json | undefined
}

/** What `start` takes. */
export interface StartRequest {
  readonly workflow: string
  readonly input: unknown
  /** The run's own id: 1 to 128 of `A-Za-z0-9_.:-`. A second start with it answers the run that is there. */
  readonly id?: string
  /** Scope: workflow and tenant. The same key with another input is `idempotency_key_reused` (WORKFLOWS 32). */
  readonly idempotencyKey?: string
  readonly startAtMs?: number
  /** −100 to 100, 0 if unsaid. */
  readonly priority?: number
}

/**
 * What `start` answers. `isNew` is false when the id or the idempotency key was known, or the workflow allows no second run
 * beside this one. A run that was deleted since is shown as it was then.
 */
export interface Started {
  readonly run: RunRecord
  readonly isNew: boolean
}

/** Which runs `list` gives: newest first. */
export interface RunQuery {
  readonly status?: RunStatus
  readonly workflow?: string
  /** Of the page before. */
  readonly cursor?: string
  /** 50 if unsaid, at most 500. */
  readonly limit?: number
}

/** A page of runs. */
export interface RunPage {
  readonly runs: readonly RunRecord[]
  readonly cursor: string | undefined
}

/** An event for a tenant. With `run`, for that run only; with `key`, for who waits for that key. */
export interface SendRequest {
  readonly name: string
  readonly key?: string
  readonly run?: string
  readonly payload: unknown
  /** Counts once for the tenant; made up if unsaid. */
  readonly id?: string
}

/** What `send` answers. */
export interface Sent {
  readonly id: string
  readonly isNew: boolean
  readonly receivedAtMs: number
}

/** Something that an operator should know. */
export type EngineEvent =
  | { readonly type: 'run_blocked'; readonly tenant: TenantId; readonly run: string; readonly reason: string }
  /** A schedule was due and started nothing: its workflow is not loaded, or refuses its input. */
  | { readonly type: 'schedule_failed'; readonly tenant: TenantId; readonly schedule: string; readonly reason: string }
  /** The tenant's work was put aside for a while: its file could not be opened or written. */
  | { readonly type: 'tenant_stalled'; readonly tenant: TenantId; readonly error: unknown }
  /** Processes died with this run under way; it will be tried alone, or, where nobody does that, it goes on (WORKFLOWS 28). */
  | { readonly type: 'run_suspected'; readonly tenant: TenantId; readonly run: string; readonly isAlone: boolean }
  /** The run has killed its process, and is put aside. */
  | { readonly type: 'run_poisoned'; readonly tenant: TenantId; readonly run: string; readonly reason: string }
  /** The event loop stood still for so long, and turns again; if the code of a run was on it, whose (WORKFLOWS 29). */
  | { readonly type: 'loop_stalled'; readonly stalledMs: number; readonly tenant?: string; readonly run?: string }

/**
 * How the process before this one ended, as far as its runs are concerned. `mark`: the run that stood on its event loop then
 * (see `readStallMark`).
 */
export type LastEnd = { readonly type: 'closed' } | { readonly type: 'died'; readonly mark?: StallMark | undefined }

/** Who lets a run execute alone, in a process of its own (WORKFLOWS 28). */
export interface ProbationPort {
  /** The run has been set aside for it. May be called again for a run that is known. */
  add(tenant: TenantId, run: string): void
}

/** What {@link Workflows} works with. Its tenancy was opened with `tables: ENGINE_TABLES`. */
export interface WorkflowsOptions {
  readonly tenancy: EngineTenancy
  readonly clock: Clock
  readonly randomId: RandomId
  /** Definitions by their names, which are unique. */
  readonly workflows: readonly AnyWorkflow[]
  /** Default: none, and no payload is checked. */
  readonly events?: readonly AnyEvent[]
  /**
   * Runs each function again behind each of its commits, and blocks the run when it does not do the same (WORKFLOWS 8): for
   * who works on it. Default false.
   */
  readonly checksReplay?: boolean
  readonly onEvent: (event: EngineEvent) => void
  /** How the process before this one ended. Default: nothing was under way. */
  readonly lastEnd?: LastEnd | undefined
  /** Without it a run that is suspected of killing processes goes on in this one. */
  readonly probation?: ProbationPort | undefined
  /** The only run of its tenant that this engine executes: the run is on probation here. */
  readonly only?: string | undefined
  /** For test kits. */
  readonly seams?: EngineSeams
}
