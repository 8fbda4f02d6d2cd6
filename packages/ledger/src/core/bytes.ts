/** Integers and ids as the format writes them: little-endian, ids in ASCII. */
import { assert } from '@tenax/kernel'
import { ID_BYTES } from './layout.ts'

const HIGH = 2 ** 32
const ID = /^[a-z0-9]{20}$/

/** Writes a count, an LSN or a time as 64 bits. It must be a safe integer that is not negative. */
export function writeSafe(into: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a 64-bit number of the ledger is a safe integer, 0 or more')
  into.writeUInt32LE(value % HIGH, at)
  into.writeUInt32LE(Math.floor(value / HIGH), at + 4)
}

/** Reads what {@link writeSafe} wrote; undefined when it is beyond the safe integers. */
export function readSafe(from: Buffer, at: number): number | undefined {
  const value = from.readUInt32LE(at + 4) * HIGH + from.readUInt32LE(at)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Writes a random id. */
export function writeId(into: Buffer, id: string, at: number): void {
  assert(ID.test(id), 'an id in the ledger is 20 characters a-z, 0-9')
  into.write(id, at, ID_BYTES, 'latin1')
}

/** Reads a random id; undefined when the bytes are none. */
export function readId(from: Buffer, at: number): string | undefined {
  const id = from.toString('latin1', at, at + ID_BYTES)
  return ID.test(id) ? id : undefined
}
