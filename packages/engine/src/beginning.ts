/** Where a life of a run begins, and the execution that it begins with. */
import type { TenantId } from '@tenax/kernel'
import { Execution, type ExecutionOptions, type History } from '@tenax/workflow/core'
import { foreignWait } from './foreign-wait.ts'
import type { EngineParts, Recorder } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { shortHash } from './registry.ts'
import type { NewRun, RunRow } from './store/runs.ts'
import type { RecordedSteps } from './store/steps.ts'
import { placeOnLoop } from './stray.ts'

/** Where a life begins: a run that is accepted with its first turn, or one from the record. */
export type Beginning =
  | { readonly type: 'new'; readonly run: NewRun }
  | { readonly type: 'recorded'; readonly row: RunRow; readonly steps: RecordedSteps }

/** What a life is made of. */
export interface RunLifeOptions {
  readonly parts: EngineParts
  readonly tenant: TenantId
  readonly recorder: Recorder
  readonly workflow: AnyWorkflow
  readonly beginning: Beginning
}

/** The run, as far as both kinds of beginning know it. */
export function runOf(beginning: Beginning): NewRun | RunRow {
  return beginning.type === 'new' ? beginning.run : beginning.row
}

/** The row of a run that is in the record. */
export function rowOf(beginning: Beginning): RunRow | undefined {
  return beginning.type === 'recorded' ? beginning.row : undefined
}

/**
 * True when the replay applies the cancellation that was asked for. Before it does, the body sees what has arrived, and its
 * children have ended (WORKFLOWS 22).
 */
export function isCancelApplied(beginning: Beginning): boolean {
  if (beginning.type === 'new' || !beginning.row.isCancelRequested) return false
  const { row, steps } = beginning
  if (row.cancelledAfter !== undefined) return true
  return (
    steps.arrived.length === 0 && !steps.operations.some(({ kind, seq }) => kind === 'child' && steps.open.has(seq))
  )
}

/** True when the run has asked for a child. */
export function hasChild(beginning: Beginning): boolean {
  return beginning.type === 'recorded' && beginning.steps.operations.some(({ kind }) => kind === 'child')
}

/** Operations that nobody has performed since the run was tried again. */
export function againOf(beginning: Beginning): ReadonlySet<number> {
  return beginning.type === 'recorded' ? beginning.steps.again : NONE
}

/** What the record of a run has that was tried again, or taken over. */
export function takenUpOf(beginning: Beginning): {
  readonly outputOffset: number
  readonly again: ReadonlySet<number>
} {
  return { outputOffset: rowOf(beginning)?.outputOffset ?? 0, again: againOf(beginning) }
}

const NONE: ReadonlySet<number> = new Set()

/** The body of `workflow`, ready to be replayed. */
export function executionOf(
  beginning: Beginning,
  about: { readonly parts: EngineParts; readonly tenant: TenantId; readonly workflow: AnyWorkflow },
  { startedAtMs, confine }: { readonly startedAtMs: number; readonly confine: ExecutionOptions['confine'] },
): Execution {
  const run = runOf(beginning)
  const origin = run.predecessor ?? rowOf(beginning)?.origin
  return new Execution({
    body: about.workflow.body,
    inputJson: run.inputJson,
    run: {
      ...{ id: run.id, tenant: about.tenant },
      ...(origin === undefined ? {} : { origin }),
    },
    seed: run.seed,
    startedAtMs,
    history: historyOf(beginning),
    isCancelled: isCancelApplied(beginning),
    macrotask: () => about.parts.share.rest(about.tenant),
    awaitForeign: foreignWait(about.parts.clock),
    insideOf: placeOnLoop,
    hash: shortHash,
    ...(confine === undefined ? {} : { confine }),
  })
}

function historyOf(beginning: Beginning): History {
  if (beginning.type === 'new') return { operations: [], outputCount: 0, patches: {} }
  const { row, steps } = beginning
  return {
    operations: steps.operations,
    outputCount: row.outputCount,
    patches: row.patches,
    cancelledAfter: row.cancelledAfter,
    skipped: row.skipped,
  }
}
