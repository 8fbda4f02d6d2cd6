/** Interactive streams that end with the history which they began on. */
import { type Clock, type Lineage, TenaxError } from '@tenax/kernel'
import type { Gate } from './durability/gate.ts'
import type { Handle } from './handle.ts'
import { Session } from './session.ts'

/** A stream, and the history that it is bound to. */
export interface BoundSession {
  readonly session: Session
  readonly lineage: Lineage
}

/** What a stream needs of its tenant. */
export interface SessionSource {
  readonly clock: Clock
  /** Lends the tenant's handle. */
  readonly use: <T>(fn: (handle: Handle) => Promise<T>) => Promise<T>
}

/** Opens a stream on the tenant as it is now; used on another history it throws TenaxError `baton_invalid`. */
export async function openBoundSession({ clock, use }: SessionSource, gate: Gate): Promise<BoundSession> {
  const lineage = await use(async (handle) => {
    handle.showTo(gate)
    return handle.meta.lineage
  })
  const useBound = <T>(fn: (handle: Handle) => Promise<T>): Promise<T> =>
    use((handle) => {
      if (handle.meta.lineage !== lineage)
        throw new TenaxError('baton_invalid', 'the tenant is not the one that the stream began on')
      return fn(handle)
    })
  return { session: new Session({ use: useBound, clock }), lineage }
}
