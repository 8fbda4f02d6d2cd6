/** The reading end of a ledger: records in order, each with its place, in memory for one batch and one entry. */
import type { LedgerPlace } from './core/batch-header.ts'
import { BATCH_HEADER_BYTES } from './core/layout.ts'
import type { ControlRecord, EntryPart, EntryRecord, SealRecord } from './core/record.ts'
import type { LedgerCut } from './core/segment-header.ts'
import { damaged } from './damage.ts'
import { EntryAssembly } from './entry-assembly.ts'
import { type LedgerSource, listSegments, type SegmentList } from './segment-list.ts'
import { type WalkEnd, walkBatches } from './walk-batches.ts'

/** A record with its number and place. */
export interface PlacedRecord {
  /** Pages are views into memory that is not written again; each keeps the chunk around it alive. */
  readonly record: EntryRecord | ControlRecord
  /** The number that `append` answered. */
  readonly seq: number
  /** The record's first byte; of an entry in parts, the first part's. */
  readonly place: LedgerPlace
}

/** How a ledger ends, and what it says about itself. */
export interface LedgerEnd {
  /** `sealed`: closed by its writer. `open`: its writer stopped between two batches. `torn`: inside one; cut there. */
  readonly state: 'sealed' | 'open' | 'torn'
  /** The first byte behind the last whole batch. */
  readonly place: LedgerPlace
  /** Number of the last record; 0 when there is none. */
  readonly lastSeq: number
  /** Segments before this id may be missing. */
  readonly firstNeeded: number
  /** The data directory that the ledger belongs to; undefined when no segment has its header. */
  readonly dataId: string | undefined
  /** Where tails of earlier ledgers were cut when this one began. */
  readonly cuts: readonly LedgerCut[]
  /** Of a seal. */
  readonly successor: SealRecord['successor']
}

/**
 * Yields the records of the ledger in `source.directory`; returns how it ends. Everything is provisional until it has
 * returned: damage may lie further on. An entry without its last part is left out.
 *
 * @throws TenaxError `ledger_damaged` (segment and offset in `details`), `data_format_newer`
 * @example
 * const end = await forEachRecord({ directory, files: fsSegmentFiles }, ({ record, place }) => keep(record, place))
 */
export async function* readLedger(source: LedgerSource): AsyncGenerator<PlacedRecord, LedgerEnd> {
  const list = await listSegments(source)
  const reading = new Reading(list)
  const batches = walkBatches(source, list)
  try {
    for (let step = await batches.next(); ; step = await batches.next()) {
      if (step.done) return reading.end(step.value)
      reading.beginBatch(step.value)
      for (const { record, at } of step.value.records) {
        const { segmentId, offset } = step.value.place
        const placed = reading.take(record, { segmentId, offset: offset + BATCH_HEADER_BYTES + at })
        if (placed !== undefined) yield placed
      }
      const { segmentId, offset } = step.value.place
      const end = { segmentId, offset: offset + BATCH_HEADER_BYTES + step.value.header.bodyBytes }
      if (reading.isSealed) return reading.end({ state: 'open', place: end })
    }
  } finally {
    await batches.return({ state: 'open', place: { segmentId: 0, offset: 0 } })
  }
}

/** {@link readLedger} with a function for each record, which is waited for if it answers a promise. */
export async function forEachRecord(
  source: LedgerSource,
  visit: (placed: PlacedRecord) => void | Promise<void>,
): Promise<LedgerEnd> {
  const records = readLedger(source)
  try {
    for (let step = await records.next(); ; step = await records.next()) {
      if (step.done) return step.value
      const visited = visit(step.value)
      if (visited !== undefined) await visited
    }
  } finally {
    await records[Symbol.asyncDispose]()
  }
}

/** What is known after the records so far. */
class Reading {
  readonly #list: SegmentList
  readonly #firstId: number
  readonly #assembly: EntryAssembly
  #firstNeeded = 0
  #seq: number | undefined
  #seal: SealRecord | undefined

  constructor(list: SegmentList) {
    this.#list = list
    this.#firstId = list.segments[0]?.id ?? 0
    this.#assembly = new EntryAssembly({ mayBeginInside: this.#firstId > 0 })
    for (const { header } of list.segments) this.#firstNeeded = Math.max(this.#firstNeeded, header?.firstNeeded ?? 0)
  }

  get isSealed(): boolean {
    return this.#seal !== undefined
  }

  beginBatch({ header, place }: { header: { firstSeq: number }; place: LedgerPlace }): void {
    this.#seq ??= this.#firstId === 0 ? 0 : header.firstSeq - 1
    if (header.firstSeq !== this.#seq + 1) throw damaged(place, 'records before this batch are missing')
  }

  take(record: ControlRecord | EntryPart, place: LedgerPlace): PlacedRecord | undefined {
    if (this.#seal !== undefined) throw damaged(place, 'a record stands behind the seal')
    if (record.kind === 'part') return this.#takePart(record, place)
    if (!this.#assembly.passOther()) throw damaged(place, 'the rest of an entry is missing before this record')
    if (record.kind === 'watermark') this.#firstNeeded = Math.max(this.#firstNeeded, record.firstNeeded)
    if (record.kind === 'seal') this.#seal = record
    return { record, place, seq: this.#nextSeq() }
  }

  #takePart(part: EntryPart, place: LedgerPlace): PlacedRecord | undefined {
    const assembly = this.#assembly.add(part, place)
    const seq = part.isLast ? this.#nextSeq() : 0
    if (assembly === 'incomplete') return undefined
    if ('fault' in assembly) throw damaged(place, assembly.fault)
    return { record: assembly.entry, place: assembly.place, seq }
  }

  #nextSeq(): number {
    this.#seq = (this.#seq ?? 0) + 1
    return this.#seq
  }

  end({ state, place }: WalkEnd): LedgerEnd {
    if (this.#firstId > this.#firstNeeded) {
      throw damaged({ segmentId: this.#firstId - 1, offset: 0 }, 'the segment is missing, and no watermark covers it')
    }
    const header = this.#list.segments.findLast((segment) => segment.header !== undefined)?.header
    return {
      state: this.#seal === undefined ? state : 'sealed',
      place,
      lastSeq: this.#seq ?? 0,
      firstNeeded: this.#firstNeeded,
      dataId: header?.dataId,
      cuts: header?.cuts ?? [],
      successor: this.#seal?.successor,
    }
  }
}
