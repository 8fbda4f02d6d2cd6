/**
 * Commits of the engine to one tenant. What is submitted while a commit is under way goes together into the next one, each
 * in a savepoint of its own, so that one that is refused is refused alone. When SQLite ends the whole transaction by itself,
 * nothing of it has happened, and each runs again alone (LEDGER C1).
 */
import { isTenaxError, type Lineage, sleep, type TenantId } from '@tenax/kernel'
import { EngineError, type SqliteFile } from '@tenax/sqlite'
import { COMMIT_JOBS_MAX, COMMIT_MS_MAX, COMMIT_SHARED_MS, TURN_TRIES_MAX, TURN_WAIT_MS } from './limits.ts'
import type { AboutJob, Committed, EngineParts } from './parts.ts'
import { type Effects, newEffects } from './store/announcement.ts'
import { StaleRun } from './store/turn-record.ts'
import type { EngineHandle } from './tenancy-port.ts'
import { TransactionEnded } from './tx.ts'

type Body = (file: SqliteFile, effects: Effects) => unknown

interface Job {
  readonly body: Body
  readonly heard: (value: unknown) => void
  readonly isRefusedFirst: boolean
  readonly takesFaults: boolean
  readonly resolve: (committed: Committed<unknown>) => void
  readonly reject: (error: unknown) => void
}

/** What came of a job inside the transaction. */
type JobEnd = { readonly type: 'done'; readonly value: unknown } | { readonly type: 'refused'; readonly error: unknown }

/** What the queue's owner adds to every commit, and hears of it. */
export interface CommitOwner<B> {
  readonly tenant: TenantId
  /** True when more than one may have something to record: a commit then waits for the others of this turn of the loop. */
  isCrowded(): boolean
  /** Before the tenant is asked to commit. */
  beforeCommit(): void
  /** First in every commit. */
  open(file: SqliteFile, lineage: Lineage, effects: Effects): void
  /** Last in every commit. `keepsBacklog`: of all that it carries, as in {@link Effects}. */
  close(file: SqliteFile, keepsBacklog: boolean): B
  /** Behind the commit, before anybody who submitted something hears of it. */
  committed(closing: B, effects: Effects, committed: Omit<Committed<void>, 'value'>): void
  /** Nothing is under way any more, and nothing waits. */
  idle(): void
  /** A commit failed for no fault of what it carried: everything in memory may be ahead of the record (WORKFLOWS 10). */
  failed(error: unknown): void
}

class BatchLost extends Error {}

/** What a queue needs of the engine. */
export type QueueParts = Pick<EngineParts, 'clock' | 'tenancy' | 'share' | 'seams'>

/** The queue of one tenant. */
export class CommitQueue<B> {
  readonly #parts: QueueParts
  readonly #owner: CommitOwner<B>
  #jobs: Job[] = []
  #isBusy = false
  /** How often in a row there was no turn for a commit. */
  #refusedCount = 0

  constructor(parts: QueueParts, owner: CommitOwner<B>) {
    this.#parts = parts
    this.#owner = owner
  }

  get isIdle(): boolean {
    return !this.#isBusy && this.#jobs.length === 0
  }

  /** Runs `body` in a commit. Rejects with what it was refused for, or with what the commit failed with. */
  submit<T>(body: (file: SqliteFile, effects: Effects) => T, about: AboutJob<T> = {}): Promise<Committed<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Committed<T>>()
    this.#jobs.push({
      body,
      heard: (value) => about.heard?.(value as T),
      isRefusedFirst: about.isRefusedFirst ?? false,
      takesFaults: about.takesFaults ?? false,
      resolve: (committed) => resolve(committed as Committed<T>),
      reject,
    })
    if (!this.#isBusy) void this.#drain()
    return promise
  }

  /** As `submit`, for what nobody waits for: a commit that fails is heard of by the owner's `failed`. */
  post(body: Body): void {
    this.submit(body).catch(() => undefined)
  }

  /** Refuses whatever waits. */
  refuse(error: unknown): void {
    for (const { reject } of this.#jobs.splice(0)) reject(error)
  }

  async #drain(): Promise<void> {
    this.#isBusy = true
    // What became durable together is told in one turn of the loop: the next steps of those runs go together, too.
    if (this.#owner.isCrowded()) await this.#parts.seams.macrotask()
    while (this.#jobs.length > 0) {
      await this.#parts.share.enter(this.#owner.tenant)
      const batch = this.#jobs.splice(0, COMMIT_JOBS_MAX)
      if (batch.length > 0) await this.#commit(batch)
    }
    this.#isBusy = false
    this.#owner.idle()
  }

  async #commit(batch: readonly Job[]): Promise<void> {
    const effects = newEffects(this.#parts.clock.nowMs())
    let refusal: unknown
    let hasBegun = false
    const alone = batch.length === 1
    try {
      this.#owner.beforeCommit()
      const { ends, closing, ...committed } = await this.#parts.tenancy.use(this.#owner.tenant, (handle) =>
        committedOn(handle, (file) => {
          hasBegun = true
          this.#owner.open(file, handle.meta.lineage, effects)
          const ends = this.#runAll(file, batch, effects, (error) => {
            refusal = error
          })
          return { ends, closing: this.#owner.close(file, effects.keepsBacklog) }
        }),
      )
      this.#refusedCount = 0
      this.#jobs.unshift(...batch.slice(ends.length))
      for (const [index, end] of ends.entries()) if (end.type === 'done') batch[index]?.heard(end.value)
      this.#owner.committed(closing, effects, committed)
      for (const [index, end] of ends.entries()) {
        if (end.type === 'done') batch[index]?.resolve({ value: end.value, ...committed })
        else batch[index]?.reject(end.error)
      }
    } catch (error) {
      if (refusal !== undefined && alone && refusal === error) return batch[0]?.reject(error)
      if (!hasBegun && isBusy(error) && this.#refusedCount < TURN_TRIES_MAX) {
        this.#refusedCount += 1
        this.#jobs.unshift(...batch)
        await sleep(this.#parts.clock, TURN_WAIT_MS)
        return
      }
      if (error instanceof BatchLost) {
        for (const job of batch) await this.#commit([job])
        return
      }
      for (const { reject } of batch) reject(error)
      this.refuse(error)
      this.#owner.failed(error)
    }
  }

  #runAll(file: SqliteFile, batch: readonly Job[], effects: Effects, refuse: (error: unknown) => void): JobEnd[] {
    const startMs = this.#parts.clock.monotonicMs()
    const longestMs = this.#parts.share.isShared ? COMMIT_SHARED_MS : COMMIT_MS_MAX
    const ends: JobEnd[] = []
    let keepsBacklog = true
    for (const job of batch) {
      const { body, takesFaults } = job
      effects.keepsBacklog = false
      if (ends.length > 0 && this.#parts.clock.monotonicMs() - startMs >= longestMs) break
      if (batch.length === 1) {
        try {
          ends.push({ type: 'done', value: body(file, effects) })
        } catch (error) {
          if (isRefusal(error) || (takesFaults && isFault(error))) refuse(error)
          throw error
        }
      } else ends.push(runBesideOthers(file, job, effects))
      keepsBacklog &&= effects.keepsBacklog
    }
    effects.keepsBacklog = keepsBacklog
    return ends
  }
}

async function committedOn<T>(
  handle: EngineHandle,
  body: (file: SqliteFile) => T,
): Promise<T & Omit<Committed<void>, 'value'>> {
  const done = await handle.commit(body)
  const leave = handle.wayOut()
  const durable = handle.settled()
  durable.catch(() => undefined) // heard where it is waited for
  return { ...done, durable, leave }
}

const SAVEPOINT = 'tenax_run'

/** Without a savepoint SQLite need not keep the pages of every job as they were before it. */
function runBesideOthers(file: SqliteFile, { body, isRefusedFirst, takesFaults }: Job, effects: Effects): JobEnd {
  try {
    if (!isRefusedFirst) return runInSavepoint(file, body, effects)
    return { type: 'done', value: body(file, effects) }
  } catch (error) {
    if (isRefusedFirst && isRefusal(error)) return { type: 'refused', error }
    // It may have written something before: nothing of this commit stays, and each runs again alone.
    if (takesFaults && isFault(error)) throw new BatchLost()
    throw error
  }
}

function runInSavepoint(file: SqliteFile, body: Body, effects: Effects): JobEnd {
  const known = { announcements: effects.announcements.length, notices: effects.notices.length }
  file.savepoint('savepoint', SAVEPOINT)
  try {
    const value = body(file, effects)
    file.savepoint('release', SAVEPOINT)
    return { type: 'done', value }
  } catch (error) {
    if (!file.inTransaction) throw new BatchLost()
    if (!isRefusal(error)) throw error
    file.savepoint('rollback_to', SAVEPOINT)
    file.savepoint('release', SAVEPOINT)
    effects.announcements.length = known.announcements
    effects.notices.length = known.notices
    return { type: 'refused', error }
  }
}

/** True when the tenant had no turn to give: nothing was begun, and it can be asked again. */
export function isBusy(error: unknown): boolean {
  return isTenaxError(error) && error.kind === 'overloaded'
}

/** True for a row that a table does not take: the file and its transaction are sound. */
function isFault(error: unknown): boolean {
  return error instanceof EngineError && error.sqliteCode.startsWith('SQLITE_CONSTRAINT')
}

/** True for what concerns only the job that threw it. */
function isRefusal(error: unknown): boolean {
  if (error instanceof StaleRun || error instanceof TransactionEnded) return true
  if (!isTenaxError(error)) return false
  return (
    error.kind === 'invalid' || error.kind === 'not_found' || error.kind === 'conflict' || error.kind === 'too_large'
  )
}
