/** Every attempt of a step that a test has seen begin, and the mocks that run in place of their functions. */
import type { Clock } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { type Attempt, type Duration, type Json, parseDuration } from '@tenax/workflow'
import type { RunningStep } from '../seams.ts'
import { int, textIn } from '../store/values.ts'
import type { Activity } from './activity.ts'

/** One attempt that began. */
export interface StepCall {
  /** The name that the body gave. */
  readonly step: string
  /** `scope/name[key]` or `scope/name#n`. */
  readonly identity: string
  readonly key: string | undefined
  readonly run: string
  readonly attempt: number
  readonly idempotencyKey: string
}

/** What a mock is given: the attempt, and whose it is. */
export interface MockAttempt extends Attempt {
  readonly step: string
  readonly identity: string
  readonly key: string | undefined
  readonly run: { readonly id: string; readonly workflow: string; readonly input: Json | undefined }
  /** By the test's clock: milliseconds since 1970 UTC. */
  readonly nowMs: number
  /** Takes time of the test's clock. */
  sleep(duration: Duration): Promise<void>
}

/** Stands for a step's function. What it throws fails the attempt. */
export type Mock = (attempt: MockAttempt) => unknown

/** What an attempt runs in. */
export interface CallPlace {
  readonly activity: Activity
  readonly clock: Clock
  readonly file: SqliteFile
}

/** The attempts of one tenant, over all lives of its engine. */
export class StepCalls {
  readonly mocks = new Map<string, Mock>()
  readonly all: StepCall[] = []
  /** Identities of steps that were begun although their end was recorded. */
  readonly repeated: string[] = []

  run(step: RunningStep, attempt: Attempt, place: CallPlace): Promise<unknown> {
    const { name, identity, fn } = step
    const found = place.file
      .engine(
        `SELECT id, workflow, input, (SELECT status FROM tenax_step s WHERE s.run = r.number AND s.identity = ?2)
        FROM tenax_run r WHERE r.number = ?1`,
      )
      .get([int(step.run), identity])
    const run = textIn(found?.[0])
    const call = { step: name, identity, key: keyIn(identity), run, attempt: attempt.number }
    this.all.push({ ...call, idempotencyKey: attempt.idempotencyKey })
    if (found?.[3] !== 'open') this.repeated.push(`${identity} of run ${run}`)
    const mock = this.mocks.get(name)
    const busy = new Busy(place, `step ${identity} of run ${run}`)
    return busy.during(async () => {
      if (mock === undefined) return fn(attempt)
      const [, workflow, input] = found ?? []
      const about = {
        id: run,
        workflow: textIn(workflow),
        input: typeof input === 'string' ? (JSON.parse(input) as Json) : undefined,
      }
      const sleep = (duration: Duration) => busy.sleep(parseDuration(duration))
      const nowMs = place.clock.nowMs()
      return mock({ ...attempt, step: name, identity, key: call.key, run: about, nowMs, sleep })
    })
  }
}

/** An attempt under way. While it sleeps nobody waits for it. */
class Busy {
  readonly #place: CallPlace
  readonly #name: string
  #end: () => void = () => undefined

  constructor(place: CallPlace, name: string) {
    this.#place = place
    this.#name = name
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#begin()
    try {
      return await work()
    } finally {
      this.#end()
    }
  }

  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#place.clock.after(ms, () => {
      this.#begin()
      resolve()
    })
    this.#end()
    await promise
  }

  #begin(): void {
    this.#end = this.#place.activity.begin(this.#name)
  }
}

/** The key that was given, out of an identity, which writes some of its characters as their codes. */
function keyIn(identity: string): string | undefined {
  const [, key] = /\[([^\]/]*)\]$/.exec(identity) ?? []
  return key?.replace(/%(d[89a-f][0-9a-f]{2}|[0-9a-f]{2})/g, (_whole, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}
