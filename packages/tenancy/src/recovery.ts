/**
 * What happens at start to lifecycle verbs that a crash cut short (LEDGER D3). Each line of the table is a test.
 *
 * | intent | row state  | crash before the catalog's second commit | action |
 * |--------|------------|------------------------------------------|--------|
 * | create | `creating`  | file absent, partial or whole | undo: remove the file, then row and intent; nobody was told |
 * | import | `importing` | file absent, partial or whole | undo: remove the file, then row and intent; nobody was told |
 * | import | other       | the old file serves as before | undo: remove the new file, then the intent |
 * | delete | `deleting`  | file there, or partly gone | finish: remove the file, then row and intent, leave a tombstone |
 * | none (restore in place) | any | a new file beside the one that the row names, or the replaced one | remove it |
 * | none   | any         | files that no row names (a replaced or deleted tenant's) | remove them |
 */
import { type Clock, InvariantError, type TenantId } from '@tenax/kernel'
import type { Catalog } from './catalog.ts'
import type { Intent } from './catalog-rows.ts'
import type { Layout } from './files/layout.ts'
import { removeTenantFiles, removeUnnamedFiles } from './files/tenant-files.ts'
import type { TenancyComponents } from './tenancy-port.ts'

/** What was done to one shard. */
export interface ShardRecovery {
  readonly finished: number
  readonly undone: number
  readonly filesRemoved: number
}

/** What recovering a shard takes. `withoutLogs` is true when the logs of its files are worth nothing (LEDGER). */
export interface ShardRecoveryOptions {
  readonly layout: Layout
  readonly clock: Clock
  readonly withoutLogs: boolean
}

/** Finishes or undoes every intent of a shard, then removes what no row names. Before the shard serves anybody. */
export async function recoverShard(catalog: Catalog, options: ShardRecoveryOptions): Promise<ShardRecovery> {
  const { layout, clock } = options
  let finished = 0
  let undone = 0
  for (const intent of catalog.intents()) {
    if (intent.verb === 'delete') {
      await finishDelete(catalog, layout, intent, clock)
      finished += 1
    } else {
      await undoNew(catalog, layout, intent)
      undone += 1
    }
  }
  const quarantined = catalog.quarantined() // their files stay as they are, for whoever mends them
  const withoutLogs = (incarnation: string) => options.withoutLogs && !quarantined.has(incarnation)
  const filesRemoved = removeUnnamedFiles(layout, catalog.shard, {
    ...{ files: catalog.namedFiles(), archived: catalog.archived(), withoutLogs },
  })
  return { finished, undone, filesRemoved }
}

/** Removes the tenant's files, then its row. Safe to repeat from any point. */
export async function finishDelete(catalog: Catalog, layout: Layout, intent: Intent, clock: Clock): Promise<void> {
  removeTenantFiles(layout, catalog.shard, intent.incarnation)
  await catalog.finishDelete(intent, clock.nowMs())
}

/**
 * Removes the files that a creation or an import has made so far, then what the catalog says of it. Safe to repeat. When
 * the catalog has its end already, the files are the tenant's, and they stay.
 */
export async function undoNew(catalog: Catalog, layout: Layout, intent: Intent): Promise<void> {
  if (!catalog.isBegun(intent)) return
  removeTenantFiles(layout, catalog.shard, intent.incarnation)
  await catalog.undoNew(intent)
}

/**
 * As {@link undoNew}, for a verb that has failed. When that fails too (a full disk fails both) the intent stays, and whoever
 * comes next finishes it: the next verb of this tenant with {@link undoLeft}, or the next start.
 */
export async function undoOrLeave(catalog: Catalog, layout: Layout, intent: Intent): Promise<void> {
  try {
    await undoNew(catalog, layout, intent)
  } catch (error) {
    if (error instanceof InvariantError) throw error
  }
}

/** Undoes the creation or import of a tenant that failed and could not be undone then. Gives what it was. */
export async function undoLeft(catalog: Catalog, layout: Layout, id: TenantId): Promise<Intent | undefined> {
  const intent = catalog.intent(id)
  if (intent === undefined || intent.verb === 'delete') return undefined
  await undoNew(catalog, layout, intent)
  return intent
}

/** Tells the operator what a start has done. */
export function tellRecovery(
  { onEvent }: TenancyComponents,
  shards: readonly ShardRecovery[],
  redoneCount: number,
): void {
  for (const shard of shards) {
    if (shard.finished + shard.undone + shard.filesRemoved > 0) onEvent({ type: 'recovered', ...shard })
  }
  if (redoneCount > 0) onEvent({ type: 'redone', fileCount: redoneCount })
}
