/** What the parts of the engine have of each other. */
import { type Clock, type RandomId, type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Tenancy } from '@tenax/tenancy'
import type { Places } from './places.ts'
import type { EngineEvent } from './port.ts'
import type { Registry } from './registry.ts'
import type { Effects } from './store/announcement.ts'

/** What all of a host's engine works with. */
export interface EngineParts {
  readonly tenancy: Tenancy
  readonly clock: Clock
  readonly randomId: RandomId
  readonly registry: Registry
  /** For attempts in flight. */
  readonly places: Places
  readonly onEvent: (event: EngineEvent) => void
  isClosing(): boolean
  /** A run has ended, in a commit behind whose gate `leave` waits. */
  runEnded(tenant: TenantId, run: number, leave: () => Promise<void>): void
  /** Something of this tenant is due at `atMs`. */
  plan(atMs: number): void
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

/** Commits to one tenant. */
export interface Recorder {
  /**
   * Runs `body` in a commit that others may share; alone it is rolled back when it throws. `heard` is called as soon as it is
   * committed, before what the commit settled is told to anybody.
   */
  submit<T>(body: (file: SqliteFile, effects: Effects) => T, heard?: (value: T) => void): Promise<Committed<T>>
  /** Resolves when everything that was committed to the tenant, by whomever, is durable. */
  durable(): Promise<void>
  /** Times of this tenant have changed. */
  touch(): void
}
