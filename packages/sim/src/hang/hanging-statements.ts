/** The statements of the attack corpus that work for minutes inside one step of the engine (decision 0004). */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const CORPUS = new URL('../../../sqlite/src/fixtures/attacks.json', import.meta.url)

const attackSchema = z.object({
  name: z.string(),
  group: z.string(),
  setup: z.array(z.string()).default([]),
  sql: z.union([z.string(), z.array(z.string())]),
})

/** One statement, and what must be there before it. */
export interface HangingStatement {
  readonly name: string
  readonly setup: readonly string[]
  readonly sql: string
}

/** The statements of these names, or all. */
export function hangingStatements(names?: readonly string[]): HangingStatement[] {
  return z
    .array(attackSchema)
    .parse(JSON.parse(readFileSync(CORPUS, 'utf8')))
    .filter(({ group, name }) => group === 'hang' && (names === undefined || names.includes(name)))
    .map(({ name, setup, sql }) => ({ name, setup, sql: typeof sql === 'string' ? sql : (sql.at(-1) ?? '') }))
}
