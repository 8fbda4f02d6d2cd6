/** Which commits of one file still wait for the disk, or for object storage, under which numbers of the ledger. */
import { WAITING_COMMITS_MAX } from '../limits.ts'

interface WaitingCommit {
  readonly lsn: bigint
  readonly seq: number
}

/** Tells how far a file's commits are durable. When many wait it tells of some of them later than it could, never earlier. */
export class WaitingCommits {
  readonly #waiting: WaitingCommit[] = []
  #durableLsn: bigint

  constructor(durableLsn: bigint) {
    this.#durableLsn = durableLsn
  }

  /** Notes a commit; those that became durable meanwhile are dropped. */
  add(commit: WaitingCommit, durableSeq: number): void {
    this.durableLsn(durableSeq)
    if (this.#waiting.length >= WAITING_COMMITS_MAX) this.#waiting.pop()
    this.#waiting.push(commit)
  }

  /** Number of the last commit that is durable when the ledger is so up to `durableSeq`. */
  durableLsn(durableSeq: number): bigint {
    const first = this.#waiting[0]
    if (first === undefined || first.seq > durableSeq) return this.#durableLsn // each commit asks: mostly nothing is new
    const count = this.#waiting.findIndex(({ seq }) => seq > durableSeq)
    const durable = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count)
    this.#durableLsn = durable.at(-1)?.lsn ?? this.#durableLsn
    return this.#durableLsn
  }
}
