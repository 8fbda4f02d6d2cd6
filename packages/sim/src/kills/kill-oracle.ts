/**
 * Hears what the killed processes said and judges what their successors find: every acknowledged row, no row that was never
 * sent, and of a `relaxed` tenant everything that a later `local` acknowledgement of anybody covers (LEDGER G1).
 */
import { Oracle } from '../crash/oracle.ts'
import type { Report } from '../crash/report.ts'
import type { FoundTenant, KillLine, SentRow } from './kill-lines.ts'

interface Rows {
  /** The last row that must be there, and the last one that may be. */
  promised: number
  sent: number
}

/** What is known of all tenants, over all the lives. */
export class KillOracle {
  /** Judges the tenants that come and go. */
  readonly #mortals = new Oracle()
  readonly #rows = new Map<string, Rows>()
  readonly #faults: string[] = []
  /** Acknowledgements of class `relaxed` in their order, since the last start. */
  #relaxed: SentRow[] = []
  /** How many of them each row under way will cover, by tenant and number. */
  readonly #covers = new Map<string, number>()
  /** Positions of replies, with the life that has given them: a later one gives them to no other commit (LEDGER P1). */
  readonly #positions = new Map<string, number>()
  #lives = 0
  acknowledgedCount = 0

  get faults(): readonly string[] {
    return [...this.#faults, ...this.#mortals.faults]
  }

  /** Notes a fault that somebody else has found. */
  blame(text: string): void {
    this.#faults.push(text)
  }

  hear(line: KillLine): void {
    if (line.type === 'rows') this.#onRows(line)
    else if (line.type === 'send') this.#onSend(line)
    else if (line.type === 'sent') this.#onSent(line)
    else if (line.type === 'starting') this.#forgetUnderWay()
    else if (isReport(line)) this.#mortals.hear(line)
  }

  /** How many rows a lane must have. */
  promisedOf(id: string): number {
    return this.#known(id).promised
  }

  #known(id: string): Rows {
    const known = this.#rows.get(id)
    if (known !== undefined) return known
    const fresh: Rows = { promised: 0, sent: 0 }
    this.#rows.set(id, fresh)
    return fresh
  }

  #onSend(line: SentRow): void {
    const rows = this.#known(line.id)
    rows.sent = Math.max(rows.sent, line.seq)
    this.#covers.set(`${line.id} ${line.seq}`, this.#relaxed.length)
  }

  #onSent(line: Extract<KillLine, { type: 'sent' }>): void {
    const life = this.#positions.get(line.position) ?? this.#lives
    if (life !== this.#lives) this.blame(`${line.id}: position ${line.position} was given before, by life ${life}`)
    this.#positions.set(line.position, this.#lives)
    if (line.isRelaxed) {
      this.#relaxed.push(line)
      return
    }
    this.acknowledgedCount += 1
    this.#promise(line)
    const covered = this.#covers.get(`${line.id} ${line.seq}`) ?? 0
    for (const one of this.#relaxed.slice(0, covered)) this.#promise(one)
  }

  #promise({ id, seq }: SentRow): void {
    const rows = this.#known(id)
    rows.promised = Math.max(rows.promised, seq)
  }

  /** What was under way when its process died is promised to nobody any more. */
  #forgetUnderWay(): void {
    this.#lives += 1
    this.#relaxed = []
    this.#covers.clear()
  }

  #onRows({ id, count, last, wrong }: FoundTenant): void {
    const rows = this.#known(id)
    const { promised, sent } = rows
    if (count !== last || count < promised || count > sent || wrong !== 0) {
      this.blame(
        `${id} has ${count} rows up to ${last}, ${wrong} with an LSN that is not above the last; ${promised} are promised, ${sent} were sent`,
      )
    }
    Object.assign(rows, { promised: count, sent: count })
  }
}

function isReport(line: KillLine): line is Report {
  return !['rows', 'send', 'sent', 'point', 'spent', 'recovered'].includes(line.type)
}
