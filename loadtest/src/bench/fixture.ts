/** What the parts of the bench start from: a directory that goes away, tenants with a table. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadProcess, LoadResult } from '../load-job.ts'
import { createTenantRequest, queryRequest, SETUP_SQL } from '../requests.ts'

/** A directory that is removed when it is disposed of. */
export interface ScratchDirectory extends Disposable {
  readonly path: string
}

/** A new directory for temporary data. Its disk is what is measured: point TMPDIR at the one in question. */
export function scratchDirectory(): ScratchDirectory {
  const path = mkdtempSync(join(tmpdir(), 'tenax-load-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Ids of tenants: `<prefix>-0000` and on. */
export function tenantIdsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(4, '0')}`)
}

/** Sends each request once. Throws when one is not answered with `status`. */
export async function sendAll(
  load: LoadProcess,
  options: { port: number; requests: readonly string[]; inFlight: number; status: number },
): Promise<LoadResult> {
  const result = await load.run({ ...options, durationMs: 0, pauseMs: 0 })
  if (result.statuses[options.status] !== result.count) {
    throw new Error(`the preparation failed: ${JSON.stringify(result.statuses)}`)
  }
  return result
}

/** Makes tenants, a few at a time, and gives each its table. Resolves with how the creations went. */
export async function prepareTenants(
  load: LoadProcess,
  { port, ids, inFlight }: { port: number; ids: readonly string[]; inFlight: number },
): Promise<LoadResult> {
  const created = await sendAll(load, { port, requests: ids.map(createTenantRequest), inFlight, status: 201 })
  for (const sql of SETUP_SQL) {
    await sendAll(load, { port, requests: ids.map((id) => queryRequest(id, sql)), inFlight: 16, status: 200 })
  }
  return created
}
