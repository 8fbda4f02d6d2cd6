export { abandonFile } from './abandoned.ts'
export { COMPLAINTS_MAX, damageIn, INTEGRITY_CHECK_SQL } from './complaints.ts'
export type { ReplyLimits } from './core/encoding.ts'
export type { Bindings } from './core/parameters.ts'
export type { PragmaCall } from './core/pragmas.ts'
export { refused, sqlError } from './core/refusal.ts'
export { isReservedName } from './core/reserved.ts'
export { type ParsedStatement, parseStatement, splitScript, type TransactionVerb } from './core/statement.ts'
export { asciiLowerCase } from './core/tokens.ts'
export { type EngineConnection, type EngineDriver, EngineError, type EngineStatement } from './driver.ts'
export { libsqlDriver } from './drivers/libsql.ts'
export { nodeSqliteDriver } from './drivers/node-sqlite.ts'
export { hostFailure, isBusy, isDamage, sqlFailure } from './failure.ts'
export { SqliteFile, TooLongForLoop } from './file.ts'
export type { CommitHooks, CommitKind, Executed, FileSizes, OpenOptions, SqliteFileSettings } from './file-options.ts'
export {
  CACHE_KIB,
  MAINTENANCE_TIMEOUT_MS,
  PAGE_BYTES,
  PAGE_COUNT_MAX,
  QUERY_TIMEOUT_MS,
  REPLY_BYTES_MAX,
  REPLY_ROWS_MAX,
  SCHEMA_BYTES_MAX,
  VIEWS_MAX,
} from './limits.ts'
export {
  allCollected,
  collectClosed,
  holdsMainFile,
  noteScratchClose,
  readMainPage,
  zombieCount,
} from './main-files.ts'
export { makeTemplate, rebuildInto, replaceFile, syncDirectory, writeNewFile } from './new-file.ts'
export { acquireProcessLock, type LockHolder, type ProcessLock } from './process-lock.ts'
export { SCHEMA_SIZE_SQL } from './schema-size.ts'
export type { TenantStatement } from './tenant-statement.ts'
export { isVectorShadow, type VectorIndex, vectorIndexes } from './vector-index.ts'
export {
  type Capture,
  type CapturedCommit,
  type CapturedPage,
  type ProvedCommits,
  proveCommits,
} from './wal/capture.ts'
export { readMetaLsn } from './wal/meta-lsn.ts'
export {
  type ChecksumChange,
  type ChecksumPosition,
  checksumOfFile,
  checksumOfPages,
  FileChecksum,
  hashPage,
} from './wal/page-checksum.ts'
export { type RedoLog, writeRedoWal } from './wal/redo-wal.ts'
export { LOCK_PAGE_NUMBER, type WalSalts } from './wal/wal-format.ts'
export { WalReader } from './wal/wal-reader.ts'
