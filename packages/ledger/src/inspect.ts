/** What an operator wants to know of a ledger: what it holds, and whether it can be read to its end. */
import { isTenaxError } from '@tenax/kernel'
import type { LedgerPlace } from './core/batch-header.ts'
import { PAGE_BYTES } from './core/layout.ts'
import { forEachRecord, type LedgerEnd, type PlacedRecord, readLedger } from './read-ledger.ts'
import { segmentName } from './segment-files.ts'
import type { LedgerSource } from './segment-list.ts'

/** One record without its pages. */
export interface InspectedRecord {
  readonly seq: number
  readonly kind: PlacedRecord['record']['kind']
  /** The segment's file. */
  readonly segment: string
  readonly offset: number
  /** The tenant's incarnation; undefined for records of the ledger itself. */
  readonly incarnation: string | undefined
  readonly lineage: string | undefined
  readonly lsn: number | undefined
  /** Only checkpoints have a time. */
  readonly timeMs: number | undefined
  readonly pageCount: number
  /** Bytes of its pages. */
  readonly pageBytes: number
}

/**
 * Yields a line for each record; returns how the ledger ends.
 *
 * @throws TenaxError `ledger_damaged`, `data_format_newer`
 */
export async function* inspectLedger(source: LedgerSource): AsyncGenerator<InspectedRecord, LedgerEnd> {
  const records = readLedger(source)
  try {
    for (let step = await records.next(); ; step = await records.next()) {
      if (step.done) return step.value
      yield inspect(step.value)
    }
  } finally {
    await records[Symbol.asyncDispose]()
  }
}

function inspect({ record, seq, place }: PlacedRecord): InspectedRecord {
  const pageCount = record.kind === 'entry' ? record.pages.length : 0
  return {
    seq,
    kind: record.kind,
    segment: segmentName(place.segmentId),
    offset: place.offset,
    incarnation: 'incarnation' in record ? record.incarnation : undefined,
    lineage: 'lineage' in record ? record.lineage : undefined,
    lsn: 'lsn' in record ? record.lsn : undefined,
    timeMs: record.kind === 'checkpoint' ? record.timeMs : undefined,
    pageCount,
    pageBytes: pageCount * PAGE_BYTES,
  }
}

/** What a ledger holds, as far as it can be read. */
export interface LedgerReport {
  readonly recordCount: number
  readonly entryCount: number
  readonly pageCount: number
  /** Tenants with an entry. */
  readonly tenantCount: number
  /** How it ends; undefined when it cannot be read to its end. */
  readonly end: LedgerEnd | undefined
  /** The first place that is wrong; undefined when none is. A tear is not wrong: see `end.state`. */
  readonly fault: { readonly code: string; readonly place: LedgerPlace; readonly reason: string } | undefined
}

/** Reads the whole ledger and checks every hash. What is wrong with it is part of the answer. */
export async function verifyLedger(source: LedgerSource): Promise<LedgerReport> {
  const counts = { recordCount: 0, entryCount: 0, pageCount: 0 }
  const tenants = new Set<string>()
  const count = ({ record }: PlacedRecord): void => {
    counts.recordCount += 1
    if (record.kind !== 'entry') return
    counts.entryCount += 1
    counts.pageCount += record.pages.length
    tenants.add(record.incarnation)
  }
  try {
    const end = await forEachRecord(source, count)
    return { ...counts, tenantCount: tenants.size, end, fault: undefined }
  } catch (error) {
    return { ...counts, tenantCount: tenants.size, end: undefined, fault: faultOf(error) }
  }
}

function faultOf(error: unknown): LedgerReport['fault'] {
  if (!isTenaxError(error, 'ledger_damaged') && !isTenaxError(error, 'data_format_newer')) throw error
  const { segmentId, offset, reason } = error.details
  return {
    code: error.code,
    place: { segmentId: Number(segmentId), offset: Number(offset) },
    reason: String(reason),
  }
}
