/** What a file is opened with, and what its methods take and give. */
import type { SqlResult } from '@tenax/kernel'
import type { ReplyLimits } from './core/encoding.ts'
import type { EngineDriver } from './driver.ts'
import type { Synchronous } from './open-pragmas.ts'

/** Settings of one file. Times in milliseconds, sizes in their named unit. */
export interface SqliteFileSettings {
  readonly queryTimeoutMs: number
  readonly pageCountMax: number
  readonly cacheKib: number
  readonly reply: ReplyLimits
}

/** Sizes of a file, in pages and bytes. */
export interface FileSizes {
  readonly pageCount: number
  readonly pageBytes: number
  readonly freePages: number
  readonly walBytes: number
}

/** What opening needs besides the path. `nowMs` measures statements; it is monotonic. `synchronous` is `full` if unsaid. */
export interface OpenOptions {
  readonly synchronous?: Synchronous
  readonly driver: EngineDriver
  readonly settings: SqliteFileSettings
  readonly nowMs: () => number
}

/**
 * What runs around each COMMIT. `before` runs inside the transaction and may throw, which rolls it back; what `after` throws
 * reaches the caller although the transaction is committed.
 */
export interface CommitHooks {
  readonly before: (commit: CommitKind) => void
  readonly after: (commit: CommitKind) => void
}

/** Whether the transaction has raised the file's LSN by one. Its owner says so: to read it back costs every commit 4 µs. */
export interface CommitKind {
  readonly isNumbered: boolean
  /** True for the engine's own work, such as a workflow's; absent for a tenant's statements. */
  readonly isEngine?: boolean
}

/** What a statement answered, and whether it changed the file (so that the transaction around it is worth a commit). */
export interface Executed {
  readonly result: SqlResult
  readonly wrote: boolean
}

/** How one statement runs. */
export interface ExecuteOptions {
  readonly mayRunOnLoop: boolean
  readonly timeoutMs: number
}
