/** Who waits for the ends of runs. Nobody polls: each is woken, and looks for itself. */
import type { TenantId } from '@tenax/kernel'

/** Why somebody who waits for a run is woken: there is an answer, or the run is to be looked at again. */
export type Waking = 'over' | 'changed'

type Wake = (waking: Waking) => void

/** Those of one host. */
export class ResultWaiters {
  /** By tenant and number of the run. */
  readonly #waiters = new Map<string, Set<Wake>>()

  /** One more; the answer takes it back. */
  add(tenant: TenantId, number: number, wake: Wake): () => void {
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
