/** The words of a ledger: what its owner appends and its reader yields. */
import type { Incarnation, Lineage } from '@tenax/kernel'

/** One page of a tenant's file. */
export interface LedgerPage {
  /** 1 is the first page of the file. */
  readonly number: number
  /** 4,096 bytes. */
  readonly bytes: Uint8Array
}

/** One commit of one tenant. */
export interface EntryRecord {
  readonly kind: 'entry'
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  /** The lineage of the commit before this one: another only at the first commit of a new lineage. */
  readonly parentLineage: Lineage
  readonly lsn: number
  /** Length of the tenant's file after this commit, in pages. */
  readonly databasePages: number
  /** Page checksum of the file after this commit (LEDGER X1). */
  readonly checksum: bigint
  /** 0: the pages are plain. */
  readonly cipher: number
  readonly keyId: number
  /** 32 bits that the ledger keeps and does not read. */
  readonly flags: number
  readonly pages: readonly LedgerPage[]
}

/** The tenant's main file holds everything up to `lsn`, fsynced: its redo starts behind it (LEDGER K1). */
export interface CheckpointRecord {
  readonly kind: 'checkpoint'
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  readonly lsn: number
  readonly databasePages: number
  /** Page checksum of the file; undefined when its owner does not know it. */
  readonly checksum: bigint | undefined
  readonly timeMs: number
}

/** No segment before `firstNeeded` is needed any more: they may be missing. */
export interface WatermarkRecord {
  readonly kind: 'watermark'
  readonly firstNeeded: number
}

/** Earlier entries of this tenant pin nothing: it is deleted, moved away, or quarantined with a side file. */
export interface ForgetRecord {
  readonly kind: 'forget'
  readonly incarnation: Incarnation
}

/** The ledger ends here. */
export interface SealRecord {
  readonly kind: 'seal'
  /** The ledger that goes on, when whoever sealed this one knew it. */
  readonly successor: { readonly epoch: number; readonly nonce: string } | undefined
}

/** Everything but entries: small, and of fixed length. */
export type ControlRecord = CheckpointRecord | WatermarkRecord | ForgetRecord | SealRecord

/** A record of a ledger. */
export type LedgerRecord = EntryRecord | ControlRecord

/** A piece of an entry as one record of a batch holds it. An entry whose last piece is missing does not exist. */
export interface EntryPart {
  readonly kind: 'part'
  /** The entry with the pages of this piece only. */
  readonly entry: EntryRecord
  /** 0 is the first piece. */
  readonly index: number
  readonly isLast: boolean
  /** Pages of the whole entry. */
  readonly pageCount: number
}
