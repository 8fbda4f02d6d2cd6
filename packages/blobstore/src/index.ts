export type {
  BlobEntry,
  BlobStore,
  ByteRange,
  CallOptions,
  GetOptions,
  ListOptions,
} from './blob-store.ts'
export { isKey, isKeyPart } from './core/key.ts'
export { type CreateOutcome, type CreateRequest, createOrRead } from './create-or-read.ts'
export { type FsStoreOptions, openFsStore } from './drivers/fs.ts'
export { openS3Store, type S3StoreOptions } from './drivers/s3.ts'
export type { S3Settings } from './drivers/s3-settings.ts'
export type { Pause } from './drivers/s3-tries.ts'
export { type FaultChances, FaultyStore, type FaultyStoreOptions } from './faults.ts'
export { BLOB_BYTES_MAX, KEY_BYTES_MAX, KEY_PART_BYTES_MAX, KEY_PARTS_MAX } from './limits.ts'
export { MemoryStore } from './memory-store.ts'
export { type Observer, observeStore, type StoreCall, StoreCounts, type StoreVerb, type VerbCounts } from './observe.ts'
export { type ProbeOptions, probeStore } from './probe.ts'
