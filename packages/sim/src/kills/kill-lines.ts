/** What a life says, one JSON line each, and what it is told to be. */
import { sayLine } from '../child.ts'
import type { Report } from '../crash/report.ts'
import type { KillPoint } from '../faults/point-clock.ts'

/** A promise that is broken on purpose: then the checks must find what comes of it. */
export type KillLie = 'fsync' | 'acknowledgement'

/** One life. */
export interface LifeOrder {
  readonly dataPath: string
  readonly keptPath: string
  readonly seed: number
  /** `create` makes the tenants, `close` only closes, `look` looks at everything before, `load` works until it dies. */
  readonly mode: 'create' | 'load' | 'look' | 'close'
  /** Where it dies, and how many such moments pass before; undefined when its parent kills it at any moment. */
  readonly point?: KillPoint
  readonly left?: number
  readonly fraction?: number
  /** Whether tenants come and go. */
  readonly withVerbs: boolean
  readonly lie?: KillLie
}

/** Rows that a life has found in one lane of a tenant. `wrong` counts those whose LSN is not above that of the row before. */
export interface FoundTenant {
  /** `<tenant>/<lane>`. */
  readonly id: string
  readonly count: number
  readonly last: number
  readonly wrong: number
}

/** A row on its way. */
export interface SentRow {
  readonly id: string
  readonly seq: number
  readonly isRelaxed: boolean
}

/** One line besides those of `crash`. */
export type KillLine =
  | Report
  /** Recovered; waits until its parent has looked at the files. */
  | { readonly type: 'recovered'; readonly eventCount: number }
  | ({ readonly type: 'rows' } & FoundTenant)
  | ({ readonly type: 'send' } & SentRow)
  /** Acknowledged; `position` is what the reply has seen, `<lineage>.<lsn>`. */
  | ({ readonly type: 'sent'; readonly position: string } & SentRow)
  /** Dies now. */
  | { readonly type: 'point'; readonly point: KillPoint }
  | { readonly type: 'spent' }

/** Says one line. What was said is with the kernel before anything else happens. */
export function sayKill(line: KillLine): void {
  sayLine(JSON.stringify(line))
}

/** A line as it was said. Only for the output of our own worker. */
export function parseKill(line: string): KillLine {
  const value: unknown = JSON.parse(line)
  if (typeof value === 'object' && value !== null && 'type' in value) return value as KillLine
  throw new Error(`not a line of the worker: ${line}`)
}
