/** Which tenants nobody has used for a while. */
import type { TenantId } from '@tenax/kernel'
import { idleSinceMs } from '../files/tenant-files.ts'
import { ARCHIVE_LOOK_ROWS } from '../limits.ts'
import type { VerbContext } from '../tenancy-port.ts'

/** Looks through all catalogs, some rows in one turn of the event loop. Ends early when `signal` is aborted. */
export async function idleTenants(
  { directory, pool, data, components }: VerbContext,
  archiveAfterMs: number,
  signal: AbortSignal,
): Promise<TenantId[]> {
  const nowMs = components.clock.nowMs()
  const idle: TenantId[] = []
  for (const { shard, snapshots } of directory.catalogs) {
    let afterId = ''
    for (;;) {
      const wakesAfterMs = nowMs + archiveAfterMs
      const rows = snapshots.candidates(afterId, { wakesAfterMs, limit: ARCHIVE_LOOK_ROWS })
      for (const { id, ...name } of rows) {
        if (pool.peek(id) !== undefined) continue
        const sinceMs = idleSinceMs(data.layout.tenantFile(shard, name))
        if (sinceMs !== undefined && sinceMs <= nowMs - archiveAfterMs) idle.push(id)
      }
      afterId = rows.at(-1)?.id ?? ''
      if (rows.length < ARCHIVE_LOOK_ROWS || signal.aborted) break
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return idle
}
