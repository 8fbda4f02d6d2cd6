/** Types of `workload.js`, which is plain JavaScript because k6 runs it too. */

export interface Operation {
  readonly tenant: number
  readonly verb: 'read' | 'insert'
  readonly protocol: 'query' | 'hrana'
  readonly row: number
}

export const READ_PERCENT: number
export const HRANA_PERCENT: number
export const FIRST_ROWS: number
export const SETUP_SQL: readonly string[]
export const READ_SQL: string
export const INSERT_SQL: string
export const COUNT_SQL: string

export function createRandom(seed: number): () => number
export function createZipf(count: number, exponent?: number): (fraction: number) => number
export function nextOperation(random: () => number, pickTenant: (fraction: number) => number): Operation
export function tenantIdOf(index: number): string
export function requestOf(
  operation: Operation,
  writer: string,
): { readonly path: string; readonly body: Readonly<Record<string, unknown>> }
export function faultOf(operation: Operation, status: number, reply: unknown): string | undefined
export function verdictOf(counts: {
  readonly acknowledged: number
  readonly uncertain: number
  readonly stored: number | undefined
}): string
