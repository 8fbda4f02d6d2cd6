/** What a host and the process in which one of its runs is tried alone say to each other. */

/** What the process is started with, as JSON in its one argument. */
export interface ChildOptions {
  /** Where the tenant's file lies: what `Tenancy.lend` gave. */
  readonly directory: string
  readonly tenant: string
  readonly run: string
  /** The module that names the workflows. */
  readonly module: string
  readonly stallKillMs: number
  readonly parentPid: number
}

/** What the process says. Without `over` its end is a death, once it has said `begun`. */
export type ChildWord =
  /** The run's own code may run from now on. */
  | { readonly type: 'begun' }
  /** The run has ended, or waits, or the process was asked to stop; the file is whole. */
  | { readonly type: 'over' }
  /** Nothing that says anything about the run: a module that does not load, a full disk. */
  | { readonly type: 'unfit'; readonly reason: string }

/** True for a word of the process. */
export function isChildWord(value: unknown): value is ChildWord {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** What the host says: stop where it is, and leave the file whole. */
export const STOP = 'stop'

/** The mark of the watcher inside the place of the file. */
export const CHILD_MARK = 'stalled-run.json'
