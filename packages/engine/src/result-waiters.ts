/** Who waits for the ends of runs. Nobody polls: each is woken, and looks for itself. */
import type { Clock, TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { RunDetail } from './port.ts'
import { readDetail } from './store/records.ts'
import { hasTables, requireRun, runNotFound } from './store/runs.ts'

/** Why somebody who waits for a run is woken: there is an answer, or the run is to be looked at again. */
type Waking = 'over' | 'changed'

/** How long somebody waits, and how the run is read: behind its tenant's gate. */
export interface ResultWait {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly read: <T>(body: (file: SqliteFile) => T) => Promise<T>
}

type Wake = (waking: Waking) => void

/** Those of one host. */
export class ResultWaiters {
  /** By tenant and number of the run. */
  readonly #waiters = new Map<string, Set<Wake>>()

  /** The run once it has ended, or as it is when the time is over. Throws TenaxError `run_not_found`. */
  async wait(tenant: TenantId, run: string, { clock, timeoutMs, read }: ResultWait): Promise<RunDetail> {
    const untilMs = clock.monotonicMs() + timeoutMs
    for (;;) {
      let stop: (() => void) | undefined
      const woken = Promise.withResolvers<Waking>()
      try {
        const detail = await read((file) => {
          const { number, hasEnded } = requireRun(file, run)
          if (hasEnded) return detailOf(file, run)
          // In the same turn as the look, so that its end cannot be missed.
          stop = this.#add(tenant, number, woken.resolve)
          return undefined
        })
        if (detail !== undefined) return detail
        const timer = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => woken.resolve('over'))
        const waking = await woken.promise
        timer.cancel()
        if (waking === 'over') return await read((file) => detailOf(file, run))
      } finally {
        stop?.()
      }
    }
  }

  /** One more; the answer takes it back. */
  #add(tenant: TenantId, number: number, wake: Wake): () => void {
    const key = `${tenant}/${number}`
    const waiters = this.#waiters.get(key) ?? new Set()
    this.#waiters.set(key, waiters.add(wake))
    return () => {
      waiters.delete(wake)
      if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key)
    }
  }

  /** The run has ended, in a commit behind whose gate `leave` waits. */
  ended(tenant: TenantId, number: number, leave: () => Promise<void>): void {
    const waiters = this.#waiters.get(`${tenant}/${number}`)
    if (waiters === undefined) return
    // Who waits reads behind the gate itself; a gate that fails is theirs to hear.
    leave().then(
      () => wakeAll(waiters, 'over'),
      () => wakeAll(waiters, 'over'),
    )
  }

  /** The tenant may serve nobody any more, or be another. */
  tenantChanged(tenant: TenantId): void {
    for (const [key, waiters] of this.#waiters) if (key.startsWith(`${tenant}/`)) wakeAll(waiters, 'changed')
  }

  /** Nobody waits any longer. */
  end(): void {
    for (const waiters of this.#waiters.values()) wakeAll(waiters, 'over')
    this.#waiters.clear()
  }
}

function wakeAll(waiters: ReadonlySet<Wake>, waking: Waking): void {
  for (const wake of [...waiters]) wake(waking)
}

function detailOf(file: SqliteFile, run: string): RunDetail {
  const detail = hasTables(file) ? readDetail(file, run) : undefined
  if (detail === undefined) throw runNotFound(run)
  return detail
}
