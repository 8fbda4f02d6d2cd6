/** Where a run of a workflow can be (WORKFLOWS 19). */

/** All states of a run; the last five are ends. The words are stored and travel over HTTP. */
export const RUN_STATUSES = [
  'queued',
  'running',
  'waiting',
  'compensating',
  'completed',
  'failed',
  'cancelled',
  'terminated',
  'continued',
] as const

/** Where a run is. */
export type RunStatus = (typeof RUN_STATUSES)[number]
