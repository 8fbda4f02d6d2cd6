/**
 * What an engine makes of the end of the process before it (WORKFLOWS 28, 29).
 *
 *   claimed ──the process dies──► deaths + 1 ──3──► on probation ──dies there──► poisoned
 *      ▲                             │                   │
 *      └── claimed again ◄───────────┘                   └── goes on, ends, waits: as any other
 *
 * When the watcher of the event loop has left a mark, only the run that it names is counted; when the watcher itself has ended
 * the process for it, the run is poisoned at once.
 */
import type { TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { CLAIMS_WRITTEN_MS } from './limits.ts'
import type { LastEnd } from './port.ts'
import type { Registry } from './registry.ts'
import type { Effects } from './store/announcement.ts'
import { condemn, countDeathOf, countDeathOfAll, findOpenRun, unblockRun } from './store/deaths.ts'
import { writeBlocked } from './store/runs.ts'

/** Deaths as one process counts them: once per tenant, in the first commit to it. */
export class Deaths {
  readonly #lastEnd: LastEnd
  readonly #registry: Registry
  readonly #startedAtMs: number
  /** Tenants of which the last end is in the record. Only tenants that had work are looked at, and only after a death. */
  readonly #counted = new Set<TenantId>()

  constructor(lastEnd: LastEnd, registry: Registry, startedAtMs: number) {
    this.#lastEnd = lastEnd
    this.#registry = registry
    this.#startedAtMs = startedAtMs
  }

  /** Whether claims are to be durable before anything runs: for a while after a death, since the next may come soon. */
  writesClaims(nowMs: number): boolean {
    return this.#lastEnd.type === 'died' && nowMs < this.#startedAtMs + CLAIMS_WRITTEN_MS
  }

  /** Counts in the first commit to a tenant. */
  count(tenant: TenantId, file: SqliteFile, effects: Effects): void {
    const lastEnd = this.#lastEnd
    if (lastEnd.type !== 'died' || this.#counted.has(tenant)) return
    const { mark } = lastEnd
    if (mark === undefined) countDeathOfAll(file, effects.nowMs)
    else if (mark.tenant === tenant) {
      const run = findOpenRun(file, mark.run)
      if (run === undefined) return
      countDeathOf(file, run.number)
      if (mark.isKilled) writePoisoned(file, { id: mark.run, why: STOOD_STILL }, this.#registry, effects)
    }
  }

  /** That commit has happened. */
  counted(tenant: TenantId): void {
    if (this.#lastEnd.type === 'died') this.#counted.add(tenant)
  }
}

const STOOD_STILL = 'it held the event loop until the host was ended for it'

/** Quarantines a run that has killed its process. It stays until somebody retries, cancels or terminates it, or other code comes. */
export function writePoisoned(
  file: SqliteFile,
  { id, why }: { readonly id: string; readonly why: string },
  registry: Registry,
  effects: Effects,
): void {
  const run = findOpenRun(file, id)
  if (run === undefined) return
  condemn(file, run.number)
  unblockRun(file, id)
  const reason = `poisoned: ${why}`
  writeBlocked(file, run.number, reason, registry.codeHash(run.workflow))
  effects.notices.push({ run: run.number, type: 'poisoned', id, reason })
}
