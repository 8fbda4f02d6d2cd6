/** What a tenant's runner does with runs that it is not to execute: suspects of deaths of the process (WORKFLOWS 28), and unknown ones. */
import type { TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { type ClaimedRun, readAgain } from './claimed-runs.ts'
import { DEATHS_MAX } from './limits.ts'
import type { EngineParts, Recorder } from './parts.ts'
import type { Effects, RunNotice } from './store/announcement.ts'
import { runsOnProbation, unblockRun, writeClaims } from './store/deaths.ts'
import { type RunRow, writeBlocked } from './store/runs.ts'
import { PROBATION_REASON } from './tables.ts'

/** A notice that a run is set aside for what it did, or may have done. */
export type SetAsideNotice = Extract<RunNotice, { type: 'poisoned' | 'probation' }>

/** The suspects of one tenant. */
export class Suspects {
  readonly #parts: EngineParts
  readonly #tenant: TenantId
  readonly #recorder: Recorder

  constructor(parts: EngineParts, tenant: TenantId, recorder: Recorder) {
    this.#parts = parts
    this.#tenant = tenant
    this.#recorder = recorder
  }

  /** First in the first commit: what the last process has left of its runs; alone, the run may go. */
  open(file: SqliteFile, effects: Effects): void {
    const { deaths, only } = this.#parts
    deaths.count(this.#tenant, file, effects)
    if (only !== undefined) unblockRun(file, only)
  }

  /**
   * Behind a death nothing runs before its claim is durable: it may be what kills, and kill at once. Gives the runs as they are
   * then: what was settled for them meanwhile was told to nobody.
   */
  async keepClaims(found: readonly ClaimedRun[], nowMs: number): Promise<readonly ClaimedRun[]> {
    if (found.length === 0 || !this.#parts.deaths.writesClaims(nowMs)) return found
    const numbers = found.map(({ row }) => row.number)
    const { durable } = await this.#recorder.submit((file) => writeClaims(file, numbers))
    await durable
    return this.#parts.tenancy.use(this.#tenant, (handle) => handle.read((file) => readAgain(file, numbers)))
  }

  /** True when the run is not to be executed here: it is set aside, to be tried alone. */
  divert({ row, steps }: ClaimedRun): boolean {
    const { probation, only, onEvent, registry } = this.#parts
    if (only !== undefined || Math.max(row.deaths, steps.deaths) < DEATHS_MAX) return false
    if (probation === undefined) {
      onEvent({ type: 'run_suspected', tenant: this.#tenant, run: row.id, isAlone: false })
      return false
    }
    const { number, id } = row
    this.#recorder.post((file, { notices }) => {
      // It may have been read twice before it was set aside, and have gone on from there.
      if (!writeBlocked(file, number, PROBATION_REASON, registry.codeHash(row.workflow))) return
      notices.push({ run: number, type: 'probation', id, reason: PROBATION_REASON })
    })
    return true
  }

  /** Tells of a run that was set aside in a commit. Gives true: the tenant has such a run. */
  tell({ type, id, reason }: SetAsideNotice): true {
    const { onEvent, probation } = this.#parts
    if (type === 'poisoned') onEvent({ type: 'run_poisoned', tenant: this.#tenant, run: id, reason })
    else {
      onEvent({ type: 'run_suspected', tenant: this.#tenant, run: id, isAlone: true })
      probation?.add(this.#tenant, id)
    }
    return true
  }

  /** Sets a run aside whose workflow is not loaded. */
  refuseUnknown({ number, id, workflow }: RunRow): void {
    const reason = `workflow_unknown: no workflow "${workflow}" is loaded`
    this.#recorder.post((file, { notices }) => {
      if (writeBlocked(file, number, reason, '')) notices.push({ run: number, type: 'blocked', id, reason })
    })
  }

  /** A run that was set aside by a process that is gone has nobody else to remember it. */
  remindOf(file: SqliteFile): void {
    const { probation } = this.#parts
    if (probation === undefined) return
    for (const run of runsOnProbation(file)) probation.add(this.#tenant, run)
  }
}
