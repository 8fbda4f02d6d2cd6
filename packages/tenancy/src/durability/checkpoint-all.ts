/** What a ledger that has grown asks for. */
import type { Incarnation } from '@tenax/kernel'
import { catalogIncarnation } from '../catalog.ts'
import type { VerbContext } from '../tenancy-port.ts'

/** Checkpoints the files of these incarnations, opened if need be, so that the ledger need not keep them. */
export async function checkpointAll(
  { pool, directory }: VerbContext,
  incarnations: ReadonlySet<Incarnation>,
): Promise<void> {
  const handles = [...pool.handles()].filter(({ record }) => incarnations.has(record.incarnation))
  const catalogs = directory.catalogs.filter(({ shard }) => incarnations.has(catalogIncarnation(shard)))
  // A failure was examined or told by then, or is of the moment: the ledger asks again.
  await Promise.allSettled(handles.map((handle) => handle.checkpointSoon()))
  await Promise.allSettled(catalogs.map((catalog) => catalog.checkpointSoon()))
  const open = new Set(handles.map(({ record }) => record.incarnation))
  for (const incarnation of incarnations) {
    const id = open.has(incarnation) ? undefined : directory.tenantOf(incarnation)
    if (id !== undefined) await pool.use(id, (handle) => handle.checkpointSoon()).catch(() => undefined)
  }
}
