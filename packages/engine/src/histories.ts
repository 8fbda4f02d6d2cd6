/** The records of runs, replayed against code: exported for a user's CI, or against what is loaded (WORKFLOWS 24). */
import type { TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { EngineParts } from './parts.ts'
import { type ReplayCheck, replayedTurn, verdictOn } from './replay-check.ts'
import { type RunHistory, readHistory } from './run-history.ts'
import { readRecord } from './store/records.ts'
import { readRecordedRun, requireRun, runNotFound } from './store/runs.ts'

/** A read behind the tenant's gate. */
export type GatedRead = <T>(tenant: TenantId, body: (file: SqliteFile) => T) => Promise<T>

/** Records of one host. */
export class Histories {
  readonly #parts: EngineParts
  readonly #read: GatedRead

  constructor(parts: EngineParts, read: GatedRead) {
    this.#parts = parts
    this.#read = read
  }

  /** The record of a run, ended or not, as `checkReplay` takes it. Throws TenaxError `run_not_found`, `payload_too_large` above 16 MiB. */
  get(tenant: TenantId, run: string): Promise<RunHistory> {
    return this.#read(tenant, (file) => readHistory(file, { tenant, run }))
  }

  /**
   * Whether the code that is loaded is code that the run can go on with, or would be blocked by. Dry: no step and no `tx` runs,
   * and nothing is written. Throws TenaxError `run_not_found`.
   */
  async check(tenant: TenantId, run: string): Promise<ReplayCheck> {
    const { number, name } = await this.#read(tenant, (file) => {
      const found = requireRun(file, run)
      const record = readRecord(file, found.number)
      if (record === undefined) throw runNotFound(run)
      return { number: found.number, name: record.workflow }
    })
    const workflow = this.#parts.registry.find(name)
    if (workflow === undefined) return notLoaded(name, this.#parts.registry.names())
    const turn = await replayedTurn({ parts: this.#parts, tenant, workflow }, number, readRecordedRun)
    if (turn === undefined) throw runNotFound(run)
    await this.#read(tenant, () => undefined) // what the replay has seen leaves behind the gate, as any answer
    return verdictOn(turn)
  }
}

function notLoaded(name: string, names: readonly string[]): ReplayCheck {
  const loaded = names.length === 0 ? 'none is loaded' : `only ${names.map((one) => `"${one}"`).join(', ')}`
  return { ok: false, code: 'workflow_unknown', recorded: `a run of workflow "${name}"`, asked: loaded }
}
