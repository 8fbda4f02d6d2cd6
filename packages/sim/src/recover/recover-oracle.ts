/**
 * What must be there after a host and its disk are gone: of class `remote` every acknowledged row, of class `local` every one that was
 * acknowledged before the host last said its lag, and longer ago than that. No row twice, none that was never sent, none missing
 * between two others.
 */
import type { RecoverLine } from './recover-lines.ts'

interface Rows {
  promised: number
  sent: number
  /** Of class `local`, and not old enough yet. */
  waiting: { readonly seq: number; readonly atMs: number }[]
}

/** Judges all lives of one store. */
export class RecoverOracle {
  readonly faults: string[] = []
  readonly #rows = new Map<string, Rows>()
  remoteCount = 0
  localCount = 0

  hear(line: RecoverLine): void {
    if (line.type === 'violation') this.faults.push(line.text)
    else if (line.type === 'send') this.#of(line.id).sent = line.seq
    else if (line.type === 'sent') this.#onSent(line)
    else if (line.type === 'lag') this.#onLag(line.atMs - line.lagMs)
    else if (line.type === 'rows') this.#onRows(line)
  }

  #of(id: string): Rows {
    const known = this.#rows.get(id) ?? { promised: 0, sent: 0, waiting: [] }
    this.#rows.set(id, known)
    return known
  }

  #onSent({ id, seq, isRemote, atMs }: Extract<RecoverLine, { type: 'sent' }>): void {
    const rows = this.#of(id)
    if (!isRemote) rows.waiting.push({ seq, atMs })
    else {
      rows.promised = seq
      this.remoteCount += 1
    }
  }

  #onLag(beforeMs: number): void {
    for (const rows of this.#rows.values()) {
      for (let first = rows.waiting[0]; first !== undefined && first.atMs < beforeMs; first = rows.waiting[0]) {
        rows.waiting.shift()
        rows.promised = Math.max(rows.promised, first.seq)
        this.localCount += 1
      }
    }
  }

  #onRows({ id, count, last }: Extract<RecoverLine, { type: 'rows' }>): void {
    const rows = this.#of(id)
    if (count !== last || last < rows.promised || last > rows.sent) {
      this.faults.push(`${id} has ${count} rows up to ${last}; ${rows.promised} are promised, ${rows.sent} were sent`)
    }
    Object.assign(rows, { promised: last, sent: last, waiting: [] })
  }
}
