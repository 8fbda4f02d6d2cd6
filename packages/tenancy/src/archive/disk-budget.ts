/**
 * Keeps the files of tenants within a budget: when they come to more, those go to object storage that nobody has used for longest,
 * until the rest is within it. Open files count, and stay.
 */
import { messageOf, type TenantId, type Timer } from '@tenax/kernel'
import { fileAtRest } from '../files/file-at-rest.ts'
import { ARCHIVE_LOOK_MS_MAX, ARCHIVE_LOOK_ROWS, BUDGET_TENANTS_MAX, TRANSFERS_MAX } from '../limits.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { inParallel } from './in-parallel.ts'

/** What keeping a budget needs. */
export interface DiskBudgetOptions {
  readonly context: VerbContext
  /** Aborted when the host closes. */
  readonly signal: AbortSignal
  /** Resolves when the store was tried, and is the one where the snapshots are. */
  readonly expectStore: () => Promise<void>
  /** Archives a tenant as a lifecycle verb. */
  readonly archive: (id: TenantId) => Promise<unknown>
}

/** A closed file. */
interface IdleFile {
  readonly id: TenantId
  readonly bytes: number
  readonly idleSinceMs: number
}

/** Looks after the budget of one data directory, once a minute, if there is one. */
export class DiskBudget {
  readonly #options: DiskBudgetOptions
  #timer: Timer | undefined
  #looking: Promise<void> | undefined

  constructor(options: DiskBudgetOptions) {
    this.#options = options
  }

  start(): void {
    const { context, signal } = this.#options
    const { diskBudgetBytes } = context.settings
    if (diskBudgetBytes === undefined || signal.aborted) return
    this.#timer = context.components.clock.after(ARCHIVE_LOOK_MS_MAX, () => {
      this.#looking = this.#keep(diskBudgetBytes).finally(() => this.start())
    })
  }

  /** Resolves when a look that is under way has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.#looking
  }

  /** It never throws: of each failure the operator hears. */
  async #keep(budgetBytes: number): Promise<void> {
    const { context, signal, expectStore, archive } = this.#options
    const { onEvent } = context.components
    const ids = await this.#excess(budgetBytes)
    if (ids.length === 0) return // within the budget nothing is asked of the store
    try {
      await expectStore()
    } catch (error) {
      onEvent({ type: 'archiving_waits', tenantCount: ids.length, reason: messageOf(error) })
      return
    }
    await inParallel(ids, TRANSFERS_MAX, async (id) => {
      if (signal.aborted) return
      await archive(id).catch((error: unknown) => {
        onEvent({ type: 'archive_failed', tenantId: id, reason: messageOf(error) })
      })
    })
  }

  /** Who has to go, longest idle first. */
  async #excess(budgetBytes: number): Promise<TenantId[]> {
    const { totalBytes, idle } = await this.#look()
    const going: TenantId[] = []
    let leftBytes = totalBytes
    for (const { id, bytes } of idle) {
      if (leftBytes <= budgetBytes) break
      going.push(id)
      leftBytes -= bytes
    }
    return going
  }

  /** All files, and the longest idle of those that are closed. */
  async #look(): Promise<{ readonly totalBytes: number; readonly idle: readonly IdleFile[] }> {
    const { directory, pool, data } = this.#options.context
    let totalBytes = 0
    let idle: IdleFile[] = []
    for (const { shard, snapshots } of directory.catalogs) {
      let afterId = ''
      for (;;) {
        const rows = snapshots.candidates(afterId, { wakesAfterMs: -1, limit: ARCHIVE_LOOK_ROWS })
        for (const { id, ...name } of rows) {
          const file = fileAtRest(data.layout.tenantFile(shard, name))
          if (file === undefined) continue
          totalBytes += file.bytes
          if (pool.peek(id) === undefined && !this.#isDueSoon(id)) idle.push({ id, ...file })
        }
        if (idle.length > 2 * BUDGET_TENANTS_MAX) idle = longestIdle(idle)
        afterId = rows.at(-1)?.id ?? ''
        if (rows.length < ARCHIVE_LOOK_ROWS || this.#options.signal.aborted) break
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return { totalBytes, idle: longestIdle(idle) }
  }

  /** Somebody will look at the tenant before the next look: it would come back at once. */
  #isDueSoon(id: TenantId): boolean {
    const { directory, components } = this.#options.context
    const wakeAtMs = directory.catalogOf(id).wakeOf(id)
    return wakeAtMs !== undefined && wakeAtMs <= components.clock.nowMs() + ARCHIVE_LOOK_MS_MAX
  }
}

function longestIdle(files: readonly IdleFile[]): IdleFile[] {
  return files.toSorted((a, b) => a.idleSinceMs - b.idleSinceMs).slice(0, BUDGET_TENANTS_MAX)
}
