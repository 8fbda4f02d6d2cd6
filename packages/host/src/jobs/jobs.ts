/**
 * Long verbs as jobs: begun by a request that is answered at once, and asked for later. They are in memory only: a host that
 * ends forgets them, and every verb is safe to repeat. How many run, wait and are kept is bounded, and so are their files.
 */
import { type Clock, isTenaxError, type RandomId, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import type { JobVerb } from '@tenax/protocol'
import type { TransferProgress } from '@tenax/tenancy'
import {
  JOB_DRAIN_MS,
  JOB_FILES_BYTES_MAX,
  JOB_KEPT_MS,
  JOBS_KEPT_MAX,
  JOBS_QUEUED_MAX,
  JOBS_RUNNING_MAX,
} from '../limits.ts'
import { Job, type JobOutcome, type JobRecord } from './job.ts'

/** What jobs need of their host. */
export interface JobsOptions {
  /** Tells of the bytes that verbs on these tenants move. Returns how to end that. */
  readonly watch: (tenants: readonly TenantId[], onProgress: (progress: TransferProgress) => void) => () => void
  /** Resolves when what was done is durable. */
  readonly settled: () => Promise<void>
  readonly clock: Clock
  readonly randomId: RandomId
  /** Hears of a defect. */
  readonly onDefect: (error: unknown) => void
}

/** A verb that is to be done as a job. */
export interface JobRequest {
  readonly verb: JobVerb
  readonly tenant: TenantId
  /** Whose progress is the job's: the tenant, and what is made of it. */
  readonly watched: readonly TenantId[]
  /** Of who may send the request again: the same key is the same job. */
  readonly key?: JobKey | undefined
  readonly work: () => Promise<JobOutcome>
  /** Called when `work` never was. */
  readonly abandon?: (() => Promise<void>) | undefined
}

/** An idempotency key, and what it was first sent with. */
export interface JobKey {
  readonly key: string
  readonly request: string
}

interface Waiting {
  readonly job: Job
  readonly request: JobRequest
}

/** The jobs of one host. */
export class Jobs {
  readonly #options: JobsOptions
  /** In the order in which they were begun. */
  readonly #jobs = new Map<string, Job>()
  readonly #keys = new Map<string, { readonly request: string; readonly id: string }>()
  readonly #waiting: Waiting[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #timers = new Map<string, Timer>()
  #fileBytes = 0
  #isClosing = false

  constructor(options: JobsOptions) {
    this.#options = options
  }

  /**
   * The job that was begun with this key, if there was one.
   *
   * @throws TenaxError `idempotency_key_reused`
   */
  known(key: JobKey | undefined): Job | undefined {
    const before = key && this.#keys.get(key.key)
    if (before === undefined) return undefined
    if (before.request === key?.request) return this.#jobs.get(before.id)
    throw new TenaxError('idempotency_key_reused', 'this key was sent with another request', {
      hint: 'use a new key for each request',
    })
  }

  /** @throws TenaxError `overloaded`, `unavailable` */
  begin(request: JobRequest): Job {
    if (this.#isClosing) throw stopping()
    if (this.#waiting.length >= JOBS_QUEUED_MAX) {
      throw new TenaxError('overloaded', `${JOBS_QUEUED_MAX} jobs wait already`, { hint: 'retry when some have ended' })
    }
    const { clock, randomId } = this.#options
    const { verb, tenant, key } = request
    const job = new Job({ id: randomId(), verb, tenant, createdAtMs: clock.nowMs() })
    const { id } = job.record
    this.#jobs.set(id, job)
    if (key !== undefined) this.#keys.set(key.key, { request: key.request, id })
    this.#waiting.push({ job, request })
    this.#startNext()
    return job
  }

  /** @throws TenaxError `job_not_found` */
  get(id: string): Job {
    const job = this.#jobs.get(id)
    if (job !== undefined) return job
    throw new TenaxError('job_not_found', `there is no job "${id.slice(0, 64)}"`, {
      hint: 'jobs are forgotten when the server starts, and some time after their end; the verbs are safe to repeat',
    })
  }

  /** Newest first. */
  list(): JobRecord[] {
    return [...this.#jobs.values()].map(({ record }) => record).reverse()
  }

  /** Forgets a job that has ended, and its file. Throws TenaxError `job_not_found`, `job_not_ended`. */
  async forget(id: string): Promise<void> {
    const job = this.get(id)
    if (!job.isEnded) {
      throw new TenaxError('job_not_ended', `job "${id}" goes on`, {
        hint: 'GET /v1/jobs/:id/events tells when it ends',
      })
    }
    await this.#drop(job)
  }

  /**
   * Room for a job's file. Returns how to give it back.
   *
   * @throws TenaxError `storage_full` when files of other jobs have it
   */
  takeRoom(bytes: number): () => void {
    if (this.#fileBytes + bytes > JOB_FILES_BYTES_MAX) {
      throw new TenaxError('storage_full', 'files of other jobs take all the room that there is for them', {
        hint: 'fetch their results, then DELETE /v1/jobs/:id; or export and import without ?job=true',
      })
    }
    this.#fileBytes += bytes
    let isTaken = true
    return () => {
      if (isTaken) this.#fileBytes -= bytes
      isTaken = false
    }
  }

  /** Begins no further one; those that run may end within some seconds, and what their verbs do is theirs to end. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const { job, request } of this.#waiting.splice(0)) {
      await request.abandon?.()
      this.#end(job, { state: 'failed', error: stopping() })
    }
    if (this.#running.size > 0) await this.#runningEnded()
    for (const one of this.#timers.values()) one.cancel()
    for (const job of this.#jobs.values()) await job.record.outcome?.file?.remove()
  }

  /** Resolves when those that run have ended, or had time enough. */
  async #runningEnded(): Promise<void> {
    const patience = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(JOB_DRAIN_MS, () => patience.resolve())
    await Promise.race([Promise.allSettled(this.#running), patience.promise])
    timer.cancel()
  }

  #startNext(): void {
    while (this.#running.size < JOBS_RUNNING_MAX) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      const running = this.#run(next).finally(() => {
        this.#running.delete(running)
        this.#startNext()
      })
      this.#running.add(running)
    }
  }

  async #run({ job, request }: Waiting): Promise<void> {
    const { watch, settled, clock, onDefect } = this.#options
    job.change({ state: 'running', startedAtMs: clock.nowMs() })
    const stop = watch(request.watched, (progress) => job.change({ progress }))
    try {
      const outcome = await request.work()
      await settled()
      this.#end(job, { state: 'succeeded', outcome })
    } catch (error) {
      if (!isTenaxError(error) || error.kind === 'internal') onDefect(error)
      this.#end(job, { state: 'failed', error })
    } finally {
      stop()
    }
  }

  #end(job: Job, how: Partial<Pick<JobRecord, 'state' | 'outcome' | 'error'>>): void {
    const { clock } = this.#options
    const endedAtMs = clock.nowMs()
    job.change({ ...how, endedAtMs, expiresAtMs: endedAtMs + JOB_KEPT_MS })
    const drop = (one: Job) => void this.#drop(one).catch(this.#options.onDefect)
    this.#timers.set(
      job.record.id,
      clock.after(JOB_KEPT_MS, () => drop(job)),
    )
    const ended = [...this.#jobs.values()].filter(({ isEnded }) => isEnded)
    for (const one of ended.slice(0, Math.max(0, ended.length - JOBS_KEPT_MAX))) drop(one)
  }

  async #drop(job: Job): Promise<void> {
    const { id, outcome } = job.record
    if (!this.#jobs.delete(id)) return
    for (const [key, known] of this.#keys) if (known.id === id) this.#keys.delete(key)
    this.#timers.get(id)?.cancel()
    this.#timers.delete(id)
    await outcome?.file?.remove()
    outcome?.release?.()
  }
}

function stopping(): TenaxError {
  return new TenaxError('unavailable', 'the host is stopping', { hint: 'begin the job again when it is back' })
}
