/** What the parts of the engine have of each other. */
import { type Clock, isTenaxError, type RandomId, type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Deaths } from './deaths.ts'
import type { FairShare } from './fair-share.ts'
import type { OutputFeeds } from './output-feeds.ts'
import type { Places } from './places.ts'
import type { EngineEvent, ProbationPort } from './port.ts'
import type { Registry } from './registry.ts'
import type { EngineSeams } from './seams.ts'
import type { Accepted } from './store/acceptance.ts'
import type { Effects } from './store/announcement.ts'
import type { EngineTenancy } from './tenancy-port.ts'

/** What all of a host's engine works with. */
export interface EngineParts {
  readonly tenancy: EngineTenancy
  readonly clock: Clock
  readonly randomId: RandomId
  readonly registry: Registry
  /** For time at the event loop. */
  readonly share: FairShare
  /** For attempts in flight. */
  readonly places: Places
  /** Who follows outputs. */
  readonly feeds: OutputFeeds
  readonly seams: EngineSeams
  readonly deaths: Deaths
  readonly probation: ProbationPort | undefined
  /** The id of the only run that is executed; undefined: all are. */
  readonly only: string | undefined
  readonly onEvent: (event: EngineEvent) => void
  /** Whether each function is run again behind each commit, and compared (WORKFLOWS 8). */
  readonly checksReplay: boolean
  isClosing(): boolean
  /** A run has ended, in a commit behind whose gate `leave` waits. */
  runEnded(tenant: TenantId, run: number, leave: () => Promise<void>): void
  /** Something of this tenant is due at `atMs`. */
  plan(tenant: TenantId, atMs: number): void
}

/** What a commit gave. */
export interface Committed<T> {
  readonly value: T
  /** Resolves when it is durable: effects may begin. */
  readonly durable: Promise<void>
  /** Resolves when a reply that saw it may leave (LEDGER G1). */
  readonly leave: () => Promise<void>
}

/** The tenant was deleted and made again, or replaced by an import, since its runs came into memory. */
export class TenantReplaced extends TenaxError {
  constructor() {
    super('tenant_in_transition', 'the tenant was replaced meanwhile', { hint: 'ask again' })
  }
}

/** True for a failure that says that there is no tenant to work for: it was deleted, replaced, suspended or stopped. */
export function isOfTheTenant(error: unknown): boolean {
  if (error instanceof TenantReplaced) return true
  return isTenaxError(error) && (error.kind === 'not_found' || error.kind === 'locked')
}

/** What a commit should know of something that goes into it. */
export interface AboutJob<T> {
  /** Called as soon as it is committed, before what the commit settled is told to anybody. */
  readonly heard?: (value: T) => void
  /** True when whatever it may be refused for, it is refused for before it writes anything. */
  readonly isRefusedFirst?: boolean
  /**
   * True when who submits it sees to a row that its table does not take: the fault is this job's alone then. Otherwise the commit has
   * failed, and its tenant stalls.
   */
  readonly takesFaults?: boolean
}

/** Commits to one tenant. */
export interface Recorder {
  /**
   * Runs `body` in a commit that others may share; alone it is rolled back when it throws.
   */
  submit<T>(body: (file: SqliteFile, effects: Effects) => T, about?: AboutJob<T>): Promise<Committed<T>>
  /** As `submit`, for what nobody waits for: when the commit fails, all that is in memory is claimed again from the record. */
  post(body: (file: SqliteFile, effects: Effects) => void): void
  /** Resolves when everything that was committed to the tenant, by whomever, is durable. */
  durable(): Promise<void>
  /** Times of this tenant have changed. */
  touch(): void
}

/** What `start` came to. */
export interface StartedRun extends Accepted {
  readonly leave: () => Promise<void>
}
