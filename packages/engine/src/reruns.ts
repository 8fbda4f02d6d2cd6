/** Runs that are run again as new ones (WORKFLOWS 23). */
import type { TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { EngineParts } from './parts.ts'
import type { Started } from './port.ts'
import { refuseUnkept } from './rerun-plan.ts'
import { newRerun, previewOf, type RerunPreview, type RerunRequest } from './rerun-request.ts'
import type { Effects } from './store/announcement.ts'
import { readRecord } from './store/records.ts'
import { insertRerun, type OriginRow, planOf, readOrigin } from './store/reruns.ts'
import { requireRun, runNotFound } from './store/runs.ts'

/** How reruns come to a tenant's file: behind its gate, and through its one queue of commits. */
export interface RerunAccess {
  read<T>(tenant: TenantId, body: (file: SqliteFile) => T): Promise<T>
  commit<T>(tenant: TenantId, body: (file: SqliteFile, effects: Effects) => T): Promise<T>
}

/** Reruns of one host. */
export class Reruns {
  readonly #parts: EngineParts
  readonly #access: RerunAccess

  constructor(parts: EngineParts, access: RerunAccess) {
    this.#parts = parts
    this.#access = access
  }

  /**
   * Runs an ended run again, as a new one with new idempotency keys. What the body had seen when it asked for `from` is kept;
   * unsaid, nothing is.
   *
   * @throws TenaxError `run_not_found`, `run_not_ended`, `step_not_found`, `workflow_unknown`, `input_invalid`, `payload_too_large`,
   * `argument_invalid`, `idempotency_key_reused`, `run_id_reused`
   */
  async start(tenant: TenantId, run: string, request: RerunRequest = {}): Promise<Started> {
    const origin = await this.#origin(tenant, run)
    const rerun = await newRerun(this.#parts, origin, request)
    return this.#access.commit(tenant, (file, effects) => {
      const { number, isNew } = insertRerun(file, requireRun(file, run), { ...rerun, effects })
      const record = readRecord(file, number)
      if (record === undefined) throw runNotFound(run)
      return { run: record, isNew }
    })
  }

  /** What {@link start} would keep and do again; changes nothing. What a rerun is refused for, its preview is too. Throws TenaxError as that. */
  async preview(tenant: TenantId, run: string, request: RerunRequest = {}): Promise<RerunPreview> {
    const origin = await this.#origin(tenant, run)
    const { from, results } = await newRerun(this.#parts, origin, request)
    return this.#access.read(tenant, (file) => {
      const found = requireRun(file, run)
      readOrigin(file, found)
      const plan = planOf(file, found, from)
      refuseUnkept(plan, results.keys())
      return previewOf(plan)
    })
  }

  #origin(tenant: TenantId, run: string): Promise<OriginRow & { readonly id: string }> {
    return this.#access.read(tenant, (file) => ({ id: run, ...readOrigin(file, requireRun(file, run)) }))
  }
}
