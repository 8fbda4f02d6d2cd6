/** Hrana's description of a statement that was prepared and not run. */
import type { SqlColumn } from '@tenax/kernel'
import { z } from 'zod'

/** What the engine knows of a prepared statement. Parameter names carry their prefix; a nameless one is null. */
export interface StatementDescription {
  readonly parameters: readonly (string | null)[]
  readonly columns: readonly SqlColumn[]
  readonly isExplain: boolean
  readonly isReadonly: boolean
}

/** The description of a statement as clients read it. */
export const describeResultSchema = z.object({
  params: z.array(z.object({ name: z.string().nullable() })),
  cols: z.array(z.object({ name: z.string(), decltype: z.string().nullable() })),
  is_explain: z.boolean(),
  is_readonly: z.boolean(),
})

/** The description of a statement on the wire. */
export type DescribeResult = z.output<typeof describeResultSchema>

/** The description of a statement, as Hrana says it. */
export function encodeDescribeResult(description: StatementDescription): DescribeResult {
  return {
    params: description.parameters.map((name) => ({ name })),
    cols: description.columns.map(({ name, decltype }) => ({ name, decltype })),
    is_explain: description.isExplain,
    is_readonly: description.isReadonly,
  }
}
