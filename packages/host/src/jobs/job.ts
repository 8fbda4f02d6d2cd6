/** One job: a long verb on a tenant that goes on while nobody waits for it. */
import type { TenantId } from '@tenax/kernel'
import type { JobState, JobVerb } from '@tenax/protocol'
import type { ScratchFile, TransferProgress } from '@tenax/tenancy'

/** What a job has come to. */
export interface JobOutcome {
  /** What the verb answers to who waits for it. */
  readonly result: object
  /** What is to be fetched of it. */
  readonly file?: ScratchFile
  /** Gives back the room that the file had. */
  readonly release?: () => void
}

/** What is known of a job at the moment. */
export interface JobRecord {
  readonly id: string
  readonly verb: JobVerb
  readonly tenant: TenantId
  readonly state: JobState
  /** Undefined while the verb has told nothing. */
  readonly progress: TransferProgress | undefined
  readonly outcome: JobOutcome | undefined
  readonly error: unknown
  readonly createdAtMs: number
  readonly startedAtMs: number | undefined
  readonly endedAtMs: number | undefined
  /** When it is forgotten, with its file. */
  readonly expiresAtMs: number | undefined
  /** One more with each change. */
  readonly version: number
}

/** A job as the host keeps it, and who waits for its next change. */
export class Job {
  #record: JobRecord
  #changed = Promise.withResolvers<void>()

  constructor(first: Pick<JobRecord, 'id' | 'verb' | 'tenant' | 'createdAtMs'>) {
    const unknown = { progress: undefined, outcome: undefined, error: undefined, startedAtMs: undefined }
    this.#record = { ...first, ...unknown, state: 'queued', endedAtMs: undefined, expiresAtMs: undefined, version: 1 }
  }

  get record(): JobRecord {
    return this.#record
  }

  get isEnded(): boolean {
    return this.#record.endedAtMs !== undefined
  }

  /** Resolves with the next change. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** What is said changes; the rest stays. */
  change(change: Partial<Omit<JobRecord, 'id' | 'version'>>): void {
    this.#record = { ...this.#record, ...change, version: this.#record.version + 1 }
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
