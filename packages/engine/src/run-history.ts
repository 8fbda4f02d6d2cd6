/**
 * The record of a run as a document: what a replay needs, and nothing that it does not. It leaves the host, so its format has
 * a number. See docs/reference/testing.md.
 */
import { type RunStatus, type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { RecordedOperation } from '@tenax/workflow/core'
import { HISTORY_BYTES_MAX } from './limits.ts'
import { requireRun } from './store/runs.ts'
import { readSteps } from './store/steps.ts'
import { int, numberIn, numberOrNothing, textIn, textOrNothing } from './store/values.ts'

/** The name in a document. */
export const HISTORY_FORMAT = 'tenax-run-history'

/** The version of documents that this Tenax writes and reads. */
export const HISTORY_VERSION = 1

/** See the head of this module. Times are milliseconds since 1970 UTC; members named `json` or `…Json` hold JSON text. */
export interface RunHistory {
  readonly format: typeof HISTORY_FORMAT
  readonly version: typeof HISTORY_VERSION
  readonly tenant: string
  readonly run: {
    readonly id: string
    readonly workflow: string
    readonly version?: string
    readonly status: RunStatus
    readonly seed: string
    readonly startedAtMs: number
    readonly inputJson?: string
    readonly predecessor?: string
    /** The run that it is a rerun of. */
    readonly origin?: string
    readonly isCancelRequested: boolean
    /** How many completions the body had seen when it was cancelled. */
    readonly cancelledAfter?: number
    readonly outputCount: number
    readonly patches: Readonly<Record<string, boolean>>
    readonly skipped: readonly string[]
  }
  /** In the order of asking. */
  readonly operations: readonly RecordedOperation[]
}

const RUN = `SELECT id, workflow, version, status, seed, coalesce(begins_at_ms, started_at_ms, created_at_ms), input, predecessor,
  cancel_requested_at_ms, cancelled_after, output_count, patches, skipped, origin FROM tenax_run WHERE number = ?`

const BYTES = `SELECT coalesce(sum(octet_length(identity) + coalesce(octet_length(result), 0) + coalesce(octet_length(error_data), 0)), 0)
  FROM tenax_step WHERE run = ?`

/** The record of a run, ended or not. Throws TenaxError `run_not_found`, `payload_too_large`. */
export function readHistory(
  file: SqliteFile,
  { tenant, run }: { readonly tenant: TenantId; readonly run: string },
): RunHistory {
  const { number } = requireRun(file, run)
  refuseLong(file, number, run)
  const row = file.engine(RUN).get([int(number)]) ?? []
  const parsed = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : undefined)
  return {
    format: HISTORY_FORMAT,
    version: HISTORY_VERSION,
    tenant,
    run: {
      id: textIn(row[0]),
      workflow: textIn(row[1]),
      status: textIn(row[3]) as RunStatus,
      seed: textIn(row[4]),
      startedAtMs: numberIn(row[5]),
      isCancelRequested: typeof row[8] === 'bigint',
      outputCount: numberIn(row[10]),
      patches: (parsed(row[11]) as Record<string, boolean> | undefined) ?? {},
      skipped: (parsed(row[12]) as string[] | undefined) ?? [],
      ...present('version', textOrNothing(row[2])),
      ...present('inputJson', textOrNothing(row[6])),
      ...present('predecessor', textOrNothing(row[7])),
      ...present('origin', textOrNothing(row[13])),
      ...present('cancelledAfter', numberOrNothing(row[9])),
    },
    operations: readSteps(file, number).operations,
  }
}

/** It is one document, and made while nothing else runs. */
function refuseLong(file: SqliteFile, number: number, run: string): void {
  const bytes = numberIn(file.engine(BYTES).get([int(number)])?.[0])
  if (bytes <= HISTORY_BYTES_MAX) return
  throw new TenaxError('payload_too_large', `the record of the run "${run}" has ${bytes} bytes of results`, {
    hint: `at most ${HISTORY_BYTES_MAX} leave as a history; checks on the host have no such limit`,
  })
}

/** A member that is there only when it has a value, as in the document. */
function present<K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in K]: V })
}
