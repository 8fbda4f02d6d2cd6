/** The body of a batch: records one after another, each behind 8 bytes with its kind, flags and length. */
import type { Incarnation, Lineage } from '@tenax/kernel'
import { readId, readSafe, writeId, writeSafe } from './bytes.ts'
import { decodeEntryPart, encodeEntryPart, partBytes } from './entry-part.ts'
import { RECORD_HEADER_BYTES } from './layout.ts'
import type { ControlRecord, EntryPart, EntryRecord } from './record.ts'

const KINDS = { part: 1, checkpoint: 2, watermark: 3, forget: 4, seal: 5 } as const
const PAYLOAD_BYTES = { checkpoint: 68, watermark: 4, forget: 20, seal: 24 } as const
const LAST_PART = 1
const NO_CHECKSUM = 1
const NO_SUCCESSOR = Buffer.alloc(PAYLOAD_BYTES.seal)

/** A record of a body with its offset in it. */
export interface BodyRecord {
  readonly record: ControlRecord | EntryPart
  readonly at: number
}

/** Why a body whose hash is right cannot be read. `isNewer`: it holds a kind of record that this version does not know. */
export interface BodyFlaw {
  readonly at: number
  readonly reason: string
  readonly isNewer: boolean
}

/** Bytes of `record` in a body. */
export function controlBytes(record: ControlRecord): number {
  return RECORD_HEADER_BYTES + PAYLOAD_BYTES[record.kind]
}

/** Writes `record` to the beginning of `into`. */
export function encodeControl(into: Buffer, record: ControlRecord): void {
  const flags = record.kind === 'checkpoint' && record.checksum === undefined ? NO_CHECKSUM : 0
  writeHeader(into, { kind: KINDS[record.kind], flags, payloadBytes: PAYLOAD_BYTES[record.kind] })
  const payload = into.subarray(RECORD_HEADER_BYTES, controlBytes(record))
  if (record.kind === 'checkpoint') {
    writeId(payload, record.incarnation, 0)
    writeId(payload, record.lineage, 20)
    writeSafe(payload, record.lsn, 40)
    payload.writeBigUInt64LE(record.checksum ?? 0n, 48)
    payload.writeUInt32LE(record.databasePages, 56)
    writeSafe(payload, record.timeMs, 60)
  } else if (record.kind === 'watermark') {
    payload.writeUInt32LE(record.firstNeeded, 0)
  } else if (record.kind === 'forget') {
    writeId(payload, record.incarnation, 0)
  } else {
    payload.set(NO_SUCCESSOR)
    if (record.successor === undefined) return
    payload.writeUInt32LE(record.successor.epoch, 0)
    writeId(payload, record.successor.nonce, 4)
  }
}

/** Writes one part of `entry` to the beginning of `into`. */
export function encodePart(into: Buffer, entry: EntryRecord, part: { index: number; first: number; count: number }) {
  const end = partBytes(part.count)
  const isLast = part.first + part.count === entry.pages.length
  const payloadBytes = end - RECORD_HEADER_BYTES
  writeHeader(into, { kind: KINDS.part, flags: isLast ? LAST_PART : 0, payloadBytes })
  encodeEntryPart(into.subarray(RECORD_HEADER_BYTES, end), entry, part)
}

function writeHeader(into: Buffer, header: { kind: number; flags: number; payloadBytes: number }): void {
  into.writeUInt8(header.kind, 0)
  into.writeUInt8(header.flags, 1)
  into.writeUInt16LE(0, 2)
  into.writeUInt32LE(header.payloadBytes, 4)
}

/** The records of `body`, which must be `count`; or what is wrong with it. Pages are views into `body`. */
export function decodeBody(body: Buffer, count: number): readonly BodyRecord[] | BodyFlaw {
  const records: BodyRecord[] = []
  let at = 0
  while (at < body.length) {
    const payloadAt = at + RECORD_HEADER_BYTES
    const end = payloadAt > body.length ? Number.POSITIVE_INFINITY : payloadAt + body.readUInt32LE(at + 4)
    if (end > body.length) return { at, reason: 'a record is longer than its batch', isNewer: false }
    const kind = body.readUInt8(at)
    if (!isKnown(kind)) return { at, reason: `a record has the unknown kind ${kind}`, isNewer: true }
    const record = decodeRecord(kind, body.readUInt8(at + 1), body.subarray(payloadAt, end))
    if (record === undefined) return { at, reason: `a record of kind ${kind} is malformed`, isNewer: false }
    records.push({ record, at })
    at = end
  }
  if (records.length === count) return records
  return { at, reason: `the batch has ${records.length} records and says ${count}`, isNewer: false }
}

type Kind = (typeof KINDS)[keyof typeof KINDS]

function isKnown(kind: number): kind is Kind {
  return kind >= KINDS.part && kind <= KINDS.seal
}

function decodeRecord(kind: Kind, flags: number, payload: Buffer): ControlRecord | EntryPart | undefined {
  if (kind === KINDS.part) return decodeEntryPart(payload, (flags & LAST_PART) !== 0)
  if (kind === KINDS.checkpoint) return decodeCheckpoint(payload, (flags & NO_CHECKSUM) === 0)
  if (kind === KINDS.watermark) {
    return payload.length === PAYLOAD_BYTES.watermark
      ? { kind: 'watermark', firstNeeded: payload.readUInt32LE(0) }
      : undefined
  }
  if (kind === KINDS.seal) return decodeSeal(payload)
  const incarnation = payload.length === PAYLOAD_BYTES.forget ? readId(payload, 0) : undefined
  return incarnation === undefined ? undefined : { kind: 'forget', incarnation: incarnation as Incarnation }
}

function decodeCheckpoint(payload: Buffer, hasChecksum: boolean): ControlRecord | undefined {
  if (payload.length !== PAYLOAD_BYTES.checkpoint) return undefined
  const [incarnation, lineage] = [readId(payload, 0), readId(payload, 20)]
  const [lsn, timeMs] = [readSafe(payload, 40), readSafe(payload, 60)]
  if (incarnation === undefined || lineage === undefined || lsn === undefined || timeMs === undefined) return undefined
  return {
    kind: 'checkpoint',
    incarnation: incarnation as Incarnation,
    lineage: lineage as Lineage,
    lsn,
    checksum: hasChecksum ? payload.readBigUInt64LE(48) : undefined,
    databasePages: payload.readUInt32LE(56),
    timeMs,
  }
}

function decodeSeal(payload: Buffer): ControlRecord | undefined {
  if (payload.length !== PAYLOAD_BYTES.seal) return undefined
  if (payload.equals(NO_SUCCESSOR)) return { kind: 'seal', successor: undefined }
  const nonce = readId(payload, 4)
  return nonce === undefined ? undefined : { kind: 'seal', successor: { epoch: payload.readUInt32LE(0), nonce } }
}
