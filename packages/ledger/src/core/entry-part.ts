/** Entries as bytes: cut into parts that each fit a batch, every part with the entry's whole head. */
import { assert, type Incarnation, type Lineage } from '@tenax/kernel'
import { readId, readSafe, writeId, writeSafe } from './bytes.ts'
import { ENTRY_FIXED_BYTES, NUMBERED_PAGE_BYTES, PAGE_BYTES, PART_BYTES_MAX, RECORD_HEADER_BYTES } from './layout.ts'
import type { EntryPart, EntryRecord, LedgerPage } from './record.ts'

const PART_OVERHEAD_BYTES = RECORD_HEADER_BYTES + ENTRY_FIXED_BYTES

/** Pages that one part holds when records may be `recordBytesMax` long; less than 1 when not even one page fits. */
export function partPagesMax(recordBytesMax: number): number {
  return Math.floor((Math.min(recordBytesMax, PART_BYTES_MAX) - PART_OVERHEAD_BYTES) / NUMBERED_PAGE_BYTES)
}

/** Bytes that an entry of `pageCount` pages takes in batches, in parts of `pagesMax` pages. */
export function encodedEntryBytes(pageCount: number, pagesMax: number): number {
  const partCount = Math.max(1, Math.ceil(pageCount / pagesMax))
  return partCount * PART_OVERHEAD_BYTES + pageCount * NUMBERED_PAGE_BYTES
}

/** Bytes of one part with `pageCount` pages. */
export function partBytes(pageCount: number): number {
  return PART_OVERHEAD_BYTES + pageCount * NUMBERED_PAGE_BYTES
}

/** Writes the payload of one part, with copies of the pages `[first, first + count)`. */
export function encodeEntryPart(
  into: Buffer,
  entry: EntryRecord,
  part: { index: number; first: number; count: number },
) {
  writeId(into, entry.incarnation, 0)
  writeId(into, entry.lineage, 20)
  writeId(into, entry.parentLineage, 40)
  writeSafe(into, entry.lsn, 60)
  into.writeBigUInt64LE(entry.checksum, 68)
  into.writeUInt32LE(entry.databasePages, 76)
  into.writeUInt32LE(part.index, 80)
  into.writeUInt32LE(part.count, 84)
  into.writeUInt32LE(entry.pages.length, 88)
  into.writeUInt32LE(entry.cipher, 92)
  into.writeUInt32LE(entry.keyId, 96)
  into.writeUInt32LE(entry.flags, 100)
  into.writeUInt32LE(0, 104)
  let numberAt = ENTRY_FIXED_BYTES
  let pageAt = ENTRY_FIXED_BYTES + part.count * 4
  for (let index = part.first; index < part.first + part.count; index += 1) {
    const page = entry.pages[index]
    assert(page !== undefined, 'a part holds pages of its entry')
    into.writeUInt32LE(page.number, numberAt)
    into.set(page.bytes, pageAt)
    numberAt += 4
    pageAt += PAGE_BYTES
  }
}

/** The part in `payload`; undefined when it is none. Pages are views into `payload`, not copies. */
export function decodeEntryPart(payload: Buffer, isLast: boolean): EntryPart | undefined {
  if (payload.length < ENTRY_FIXED_BYTES) return undefined
  const [incarnation, lineage, parentLineage] = [readId(payload, 0), readId(payload, 20), readId(payload, 40)]
  const lsn = readSafe(payload, 60)
  const count = payload.readUInt32LE(84)
  if (incarnation === undefined || lineage === undefined || parentLineage === undefined || lsn === undefined)
    return undefined
  if (payload.length !== ENTRY_FIXED_BYTES + count * NUMBERED_PAGE_BYTES) return undefined
  const entry: EntryRecord = {
    kind: 'entry',
    incarnation: incarnation as Incarnation,
    lineage: lineage as Lineage,
    parentLineage: parentLineage as Lineage,
    lsn,
    checksum: payload.readBigUInt64LE(68),
    databasePages: payload.readUInt32LE(76),
    cipher: payload.readUInt32LE(92),
    keyId: payload.readUInt32LE(96),
    flags: payload.readUInt32LE(100),
    pages: decodePages(payload, count),
  }
  return { kind: 'part', entry, index: payload.readUInt32LE(80), isLast, pageCount: payload.readUInt32LE(88) }
}

function decodePages(payload: Buffer, count: number): LedgerPage[] {
  const pages: LedgerPage[] = new Array(count)
  let pageAt = ENTRY_FIXED_BYTES + count * 4
  for (let index = 0; index < count; index += 1) {
    const number = payload.readUInt32LE(ENTRY_FIXED_BYTES + index * 4)
    pages[index] = { number, bytes: new Uint8Array(payload.buffer, payload.byteOffset + pageAt, PAGE_BYTES) }
    pageAt += PAGE_BYTES
  }
  return pages
}
