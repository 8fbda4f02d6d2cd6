/** How long runs of a workflow may take, and how long they are kept, as its definition says. */
import { parseDuration } from '@tenax/workflow'
import { RETENTION_MS_DEFAULT, RETENTION_MS_MIN } from './limits.ts'
import type { AnyWorkflow } from './port.ts'

/** Milliseconds that a run may take from its start on, clean-up not counted; undefined: for ever. */
export function deadlineMsOf(workflow: AnyWorkflow | undefined): number | undefined {
  const deadline = workflow?.def.deadline
  return deadline === undefined ? undefined : parseDuration(deadline)
}

/** Milliseconds that a run is kept from its end on. */
export function retentionMsOf({ def: { retention } }: AnyWorkflow): number {
  return retention === undefined ? RETENTION_MS_DEFAULT : Math.max(parseDuration(retention), RETENTION_MS_MIN)
}
