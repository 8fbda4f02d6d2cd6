/** Where a test kit takes hold of the engine. A host leaves them as they are. */
import type { Attempt } from '@tenax/workflow'
import { BLOCKED_LOOK_MS, LOOK_MS_MAX } from './limits.ts'

/** The step whose attempt is to run. `run` is the number of its run. */
export interface RunningStep {
  readonly run: number
  readonly identity: string
  readonly name: string
  /** The step's own function. */
  readonly fn: (attempt: Attempt) => unknown
}

/** What may be replaced. */
export interface EngineSeams {
  /** Resolves when every microtask that is due has run. The engine waits for time, commits, steps, and this. */
  readonly macrotask: () => Promise<void>
  /** Runs one attempt. */
  readonly runStep: (step: RunningStep, attempt: Attempt) => unknown
  /** Longest sleep of the scheduler. */
  readonly lookMsMax: number
  /** Shortest rest between two of its looks, by the stopwatch. */
  readonly lookRestMs: number
  /** When a tenant with a blocked run is looked at again, for new code. */
  readonly blockedLookMs: number
}

/** As a host has them. */
export const PLAIN_SEAMS: EngineSeams = {
  macrotask: () => new Promise((resolve) => setImmediate(resolve)),
  runStep: ({ fn }, attempt) => fn(attempt),
  lookMsMax: LOOK_MS_MAX,
  // Each look goes over all tenants that are awake.
  lookRestMs: 4,
  blockedLookMs: BLOCKED_LOOK_MS,
}
