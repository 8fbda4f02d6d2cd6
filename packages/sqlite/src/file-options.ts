/** What a file is opened with, and what its methods take and give. */
import type { SqlResult } from '@tenax/kernel'
import type { ReplyLimits } from './core/encoding.ts'
import type { EngineDriver } from './driver.ts'

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

/** What opening needs besides the path. `nowMs` measures statements; it is monotonic. */
export interface OpenOptions {
  readonly driver: EngineDriver
  readonly settings: SqliteFileSettings
  readonly nowMs: () => number
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
