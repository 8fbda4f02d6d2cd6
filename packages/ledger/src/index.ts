export type { LedgerPlace } from './core/batch-header.ts'
export { PAGE_BYTES } from './core/layout.ts'
export type {
  CheckpointRecord,
  ControlRecord,
  EntryRecord,
  ForgetRecord,
  LedgerPage,
  LedgerRecord,
  SealRecord,
  WatermarkRecord,
} from './core/record.ts'
export type { LedgerCut } from './core/segment-header.ts'
export { fsSegmentFiles } from './drivers/fs.ts'
export { type InspectedRecord, inspectLedger, type LedgerReport, verifyLedger } from './inspect.ts'
export { Ledger } from './ledger.ts'
export type { AppendableRecord, LedgerOptions, LedgerRoom, LedgerState } from './ledger-options.ts'
export { BATCH_BYTES_MAX, BUFFER_BYTES_MAX, CONTROL_BYTES_MAX, PUTS_MAX, SEGMENT_BYTES_MAX } from './limits.ts'
export { forEachRecord, type LedgerEnd, type PlacedRecord, readLedger } from './read-ledger.ts'
export type { DurableBatch } from './remote/ship-queue.ts'
export { Shipper, type ShipperOptions, type ShipSettings, type ShipStats } from './remote/shipper.ts'
export { decodeStored, type StoredHeader, type StoredPlace } from './remote/stored-object.ts'
export { type StoredAt, type StoredEnd, type StoredWalk, walkStored } from './remote/walk-stored.ts'
export type { SegmentFile, SegmentFiles } from './segment-files.ts'
export { type LedgerName, type LedgerSource, ledgerDirectoryName, parseLedgerDirectoryName } from './segment-list.ts'
export type { CreateOutcome, SegmentSink } from './segment-sink.ts'
export { type LedgerSettings, parseLedgerSettings } from './settings.ts'
