/** A job as it goes on: each change of it, the last one of those that come close together, and its end. */
import type { Clock, TenaxError } from '@tenax/kernel'
import { JOB_EVENT_MS } from '../limits.ts'
import type { Job, JobRecord } from './job.ts'

/** What of a job is followed. It gives nothing that `afterVersion` is not older than, but the end. */
export class JobFeed implements AsyncIterable<JobRecord> {
  readonly #job: Job
  readonly #clock: Clock
  readonly #stopped = Promise.withResolvers<void>()
  #version: number
  #isStopped = false
  #failure: TenaxError | undefined

  constructor(job: Job, clock: Clock, afterVersion: number) {
    this.#job = job
    this.#clock = clock
    this.#version = afterVersion
  }

  /** Ends it without an error. */
  close(): void {
    this.#isStopped = true
    this.#stopped.resolve()
  }

  /** Ends it with one. */
  fail(failure: TenaxError): void {
    this.#failure ??= failure
    this.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobRecord, void, void> {
    while (!this.#isStopped) {
      const { record, isEnded, changed } = this.#job
      if (isEnded || record.version !== this.#version) {
        this.#version = record.version
        yield record
        if (isEnded) return
        await this.#pause()
      } else await Promise.race([changed, this.#stopped.promise])
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** A few changes a second are enough to see; an end is told at once. */
  async #pause(): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = this.#clock.after(JOB_EVENT_MS, () => over.resolve())
    let isOver = false
    void over.promise.then(() => {
      isOver = true
    })
    while (!isOver && !this.#isStopped && !this.#job.isEnded) {
      await Promise.race([over.promise, this.#job.changed, this.#stopped.promise])
    }
    timer.cancel()
  }
}
