/** What a ledger's owner gives it, and what it gets to see of it. */
import type { Clock, TenaxError } from '@tenax/kernel'
import type { CheckpointRecord, EntryRecord, ForgetRecord } from './core/record.ts'
import type { DurableBatch } from './remote/ship-queue.ts'
import type { LedgerIdentity } from './segment-chain.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { LedgerSettings } from './settings.ts'

/** What `Ledger.create` takes. */
export interface LedgerOptions extends Omit<LedgerIdentity, 'cuts'> {
  readonly files: SegmentFiles
  /** Default: the system's. */
  readonly clock?: Clock
  readonly settings?: Partial<LedgerSettings>
  readonly cuts?: LedgerIdentity['cuts']
  /** The ledger cannot go on (F2). The host must stop without closing a database file. Called once. */
  readonly onFatal: (error: TenaxError) => void
  /** Hears of each batch when it is fsynced, in order; it must not throw. Segments from `neededFrom` on are not trimmed. */
  readonly shipping?: { take(batch: DurableBatch): void; readonly neededFrom: number | undefined }
  /** Called after each fsync with the new `durableSeq`, before those who wait for it go on. It must not throw. */
  readonly onDurable?: (durableSeq: number) => void
}

/** What a ledger is doing; see the head of this file. */
export type LedgerState = 'open' | 'full' | 'closing' | 'closed' | 'failed'

/** What a ledger's owner may append; the ledger itself adds watermarks and the seal. */
export type AppendableRecord = EntryRecord | CheckpointRecord | ForgetRecord

/** Room in the buffer that is kept for one append. */
export interface LedgerRoom {
  /** Bytes that are still kept; 0 when it was used or given back. */
  readonly bytes: number
  /** Gives the room back. Harmless when it is used up. */
  release(): void
}
