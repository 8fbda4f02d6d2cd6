/** A session on a tenant's history: it ends with that, when the tenant is imported over or restored. */
import { type Clock, TenaxError } from '@tenax/kernel'
import type { Gate } from './durability/gate.ts'
import type { Handle } from './handle.ts'
import { Session } from './session.ts'

/** A session, and the history that it is bound to. */
export interface OpenedSession {
  readonly session: Session
  readonly lineage: string
}

/** What `use` lends is the tenant's handle of the moment. */
export async function openSession(
  use: <T>(fn: (handle: Handle) => Promise<T>) => Promise<T>,
  clock: Clock,
  gate: Gate,
): Promise<OpenedSession> {
  const lineage = await use(async (handle) => {
    handle.showTo(gate)
    return handle.meta.lineage
  })
  const useSame = <T>(fn: (handle: Handle) => Promise<T>): Promise<T> =>
    use((handle) => {
      if (handle.meta.lineage !== lineage)
        throw new TenaxError('baton_invalid', 'the tenant is not the one that the stream began on')
      return fn(handle)
    })
  return { session: new Session({ use: useSame, clock }), lineage }
}
