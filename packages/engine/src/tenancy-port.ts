/**
 * What the engine needs of the tenancy under it, and nothing more. `Tenancy` and `Handle` of `@tenax/tenancy` are one that has
 * it; `tenax/testing` is another, over one file in memory.
 */
import type { Lineage, TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'

/** The tenants of a host. */
export interface EngineTenancy {
  /** Lends a tenant's handle while `fn` runs. Throws TenaxError by the tenant's state. */
  use<T>(tenant: TenantId, fn: (handle: EngineHandle) => Promise<T>): Promise<T>
  /**
   * Says when somebody should look at the tenant next (0: as soon as there is a host; undefined: never). It is in the ledger
   * before anything that is committed after this call; resolves when it is durable (WORKFLOWS 18).
   */
  setWake(tenant: TenantId, wakeAtMs: number | undefined): Promise<void>
  /** Tenants that serve and are to be looked at by `nowMs`, earliest first, at most `limit`. */
  dueTenants(nowMs: number, limit: number): readonly { readonly id: TenantId; readonly wakeAtMs: number }[]
}

/** One tenant's open file. One operation runs on it at a time. */
export interface EngineHandle {
  readonly meta: { readonly lineage: Lineage }
  /** Runs `body`, which is synchronous, in a transaction and commits it. When it throws, nothing of it has happened. */
  commit<T>(body: (file: SqliteFile) => T): Promise<T>
  /** Runs `body`, which only reads, while nothing else runs on the file. */
  read<T>(body: (file: SqliteFile) => T): Promise<T>
  /** Lets what `work` comes to leave only when every commit that it may have seen has its class (LEDGER G1). */
  gated<T>(work: Promise<T>): Promise<T>
  /** The way out of a reply that has seen the last commit: resolves when that has its class. */
  wayOut(): () => Promise<void>
  /** Resolves when everything that was committed so far is durable. */
  settled(): Promise<void>
}
