/** What a process under load says, one JSON line each: before a deed, after its acknowledgement, and what it finds. */
import { sayLine } from '../child.ts'

/** A lifecycle verb or a write on a mortal tenant: one after another, so that each leaves exactly one state or the next. */
export type Deed =
  | { readonly verb: 'create' | 'delete' | 'reimport' | 'suspend' | 'resume' }
  | { readonly verb: 'mark' | 'import'; readonly mark: number }

/** Rows of one connection's writes, as a restart finds them. */
export interface FoundLane {
  readonly lane: string
  readonly count: number
  readonly first: number
  readonly last: number
}

/** What a restart finds in a steady tenant. The last four are counts of faults. */
export interface FoundSteady {
  readonly lanes: readonly FoundLane[]
  readonly tables: number
  readonly balance: number
  readonly lsn: number
  readonly lsnRepeated: number
  readonly lsnBackward: number
  readonly balancesWrong: number
}

/** One line. */
export type Report =
  | { readonly type: 'starting' }
  | { readonly type: 'opened' }
  | { readonly type: 'begin'; readonly tenantId: string; readonly lane: string }
  | { readonly type: 'ack'; readonly tenantId: string; readonly lane: string }
  | { readonly type: 'begin_deed'; readonly tenantId: string; readonly deed: Deed }
  | { readonly type: 'ack_deed'; readonly tenantId: string }
  | { readonly type: 'found_record'; readonly tenantId: string; readonly exists: boolean; readonly suspended: boolean }
  | { readonly type: 'found_steady'; readonly tenantId: string; readonly found: FoundSteady }
  | { readonly type: 'found_marks'; readonly tenantId: string; readonly marks: readonly number[] }
  | { readonly type: 'looked' }
  | { readonly type: 'violation'; readonly text: string }

/** Says one line. What was said is with the kernel before anything else happens. */
export function say(report: Report): void {
  sayLine(JSON.stringify(report))
}

/** A line as it was said. Only for the output of our own worker. */
export function parseReport(line: string): Report {
  const value: unknown = JSON.parse(line)
  if (typeof value === 'object' && value !== null && 'type' in value) return value as Report
  throw new Error(`not a line of the worker: ${line}`)
}
