/** SQL texts that a stream has stored, within a budget of its own and one that all streams share. */
import { TenaxError } from '@tenax/kernel'
import { STORED_SQL_MAX } from '@tenax/protocol'
import { STORED_SQL_BYTES_MAX } from './limits.ts'

/** Bytes that may still be taken. */
export interface ByteBudget {
  bytesLeft: number
}

/** The texts of one stream by id. */
export class StoredTexts {
  readonly #shared: ByteBudget
  readonly #texts = new Map<number, string>()
  #bytes = 0

  constructor(shared: ByteBudget) {
    this.#shared = shared
  }

  get(sqlId: number): string | undefined {
    return this.#texts.get(sqlId)
  }

  /** Stores a text, instead of the one of this id. Throws TenaxError `argument_invalid`, `overloaded`. */
  set(sqlId: number, sql: string): void {
    const bytes = Buffer.byteLength(sql)
    const freed = this.#bytesOf(sqlId)
    const others = this.#texts.size - (this.#texts.has(sqlId) ? 1 : 0)
    if (others >= STORED_SQL_MAX || this.#bytes - freed + bytes > STORED_SQL_BYTES_MAX) {
      throw new TenaxError(
        'argument_invalid',
        `a stream stores at most ${STORED_SQL_MAX} SQL texts of ${STORED_SQL_BYTES_MAX} bytes together`,
        { hint: 'close_sql what is not needed' },
      )
    }
    if (bytes - freed > this.#shared.bytesLeft) {
      throw new TenaxError('overloaded', 'all streams together store too much SQL')
    }
    this.delete(sqlId)
    this.#shared.bytesLeft -= bytes
    this.#bytes += bytes
    this.#texts.set(sqlId, sql)
  }

  #bytesOf(sqlId: number): number {
    return Buffer.byteLength(this.#texts.get(sqlId) ?? '')
  }

  delete(sqlId: number): void {
    const bytes = this.#bytesOf(sqlId)
    this.#texts.delete(sqlId)
    this.#bytes -= bytes
    this.#shared.bytesLeft += bytes
  }

  /** Gives everything back. */
  clear(): void {
    for (const sqlId of [...this.#texts.keys()]) this.delete(sqlId)
  }
}
