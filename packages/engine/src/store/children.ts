/** Children of runs (WORKFLOWS 22): their start in the commit of their parent, and their being found again. */
import type { SqliteFile } from '@tenax/sqlite'
import type { AskedOperation, Outcome, StoredError } from '@tenax/workflow/core'
import { failed } from '../stored-error.ts'
import type { Effects } from './announcement.ts'
import { type Ending, insertRun, type NewRun } from './runs.ts'
import { int, numberIn, numberOrNothing, textIn, textOrNothing } from './values.ts'

/** An operation that asks for a child. */
export interface ChildCall {
  readonly parent: { readonly run: number; readonly seq: number }
  readonly spec: Extract<AskedOperation['spec'], { kind: 'child' }>
  /** Undefined when its workflow is not loaded. */
  readonly child: NewRun | undefined
  /** Why a new run may not begin. */
  refuse(child: NewRun): Outcome | undefined
}

/**
 * Starts a child, or takes the one up that the same operation started before its parent was tried again: a child starts once.
 * Gives the outcome when there is one already.
 */
export function startChild(
  file: SqliteFile,
  { parent, spec, child, refuse }: ChildCall,
  effects: Effects,
): Outcome | undefined {
  const known = readChild(file, spec.childId)
  if (known === undefined) {
    if (child === undefined) return failed('workflow_unknown', 'no workflow of this name is loaded', 1)
    const refusal = refuse(child)
    if (refusal !== undefined) return refusal
    insertRun(file, { ...child, parent }, effects)
    file.engine(NAME_CHILD).get([child.id, int(parent.run), int(parent.seq)])
    return undefined
  }
  const isSame = child === undefined || child.inputHash === known.inputHash
  if (known.parentRun !== parent.run || known.workflow !== spec.workflow || !isSame) {
    return failed('run_id_reused', `a run "${spec.childId}" exists`, 1)
  }
  const last = lastOf(file, known)
  file.engine('UPDATE tenax_run SET parent_seq = ? WHERE number = ?').get([int(parent.seq), int(last.number)])
  file
    .engine('UPDATE tenax_step SET child = ? WHERE run = ? AND seq = ?')
    .get([last.id, int(parent.run), int(parent.seq)])
  return last.endedAtMs === undefined ? undefined : childOutcome(last)
}

/** A rerun has the operation without its child. */
const NAME_CHILD = 'UPDATE tenax_step SET child = ? WHERE run = ? AND seq = ? AND child IS NULL'

/** A child as its parent sees it. */
export interface ChildRun {
  readonly number: number
  readonly id: string
  readonly workflow: string
  readonly inputHash: string
  readonly parentRun: number | undefined
  readonly endedAtMs: number | undefined
  readonly status: Ending['status']
  readonly json: string | undefined
  readonly error: StoredError | undefined
  readonly successor: string | undefined
}

const CHILD = `SELECT number, id, workflow, input_hash, parent_run, ended_at_ms, status, output, error_code, error_message, error_data,
  successor FROM tenax_run WHERE id = ?`

/** A child by its id. */
export function readChild(file: SqliteFile, id: string): ChildRun | undefined {
  const row = file.engine(CHILD).get([id])
  if (row === undefined) return undefined
  const code = textOrNothing(row[8])
  const data = textOrNothing(row[10])
  return {
    number: numberIn(row[0]),
    id: textIn(row[1]),
    workflow: textIn(row[2]),
    inputHash: textIn(row[3]),
    parentRun: numberOrNothing(row[4]),
    endedAtMs: numberOrNothing(row[5]),
    status: textIn(row[6]) as Ending['status'],
    json: textOrNothing(row[7]),
    error:
      code === undefined
        ? undefined
        : { code, message: textIn(row[9]), attempts: 1, ...(data === undefined ? {} : { data }) },
    successor: textOrNothing(row[11]),
  }
}

/** The run that a child has gone on as, if it has. */
function lastOf(file: SqliteFile, child: ChildRun): ChildRun {
  let last = child
  while (last.status === 'continued' && last.successor !== undefined) {
    const next = readChild(file, last.successor)
    if (next === undefined) return last
    last = next
  }
  return last
}

/** What a parent's operation gets of its child's end. */
export function childOutcome({
  status,
  json,
  error,
}: Pick<Ending, 'status'> & { json?: string | undefined; error?: StoredError | undefined }): Outcome {
  if (status === 'completed') return { type: 'ok', json }
  if (error !== undefined) return { type: 'error', error }
  return { type: 'error', error: { code: `child_${status}`, message: `the child was ${status}`, attempts: 1 } }
}
