/**
 * A tenant's statement from its text to its rows before the call returns, under the same sandbox: for SQL of an operator's
 * code inside a commit of the engine's, where nothing may wait. It compiles on the event loop.
 */
import { assert } from '@tenax/kernel'
import { changesSince, NO_CHANGES, totalChanges } from './change-counters.ts'
import type { ReplyLimits } from './core/encoding.ts'
import { type Bindings, bindValues } from './core/parameters.ts'
import { TENANT_POLICY } from './core/policy.ts'
import { refused } from './core/refusal.ts'
import { parseStatement } from './core/statement.ts'
import type { EngineConnection, EngineStatement } from './driver.ts'
import { sqlFailure } from './failure.ts'
import type { Executed } from './file-options.ts'
import { refuseLargeSchema, SCHEMA_SIZE_SQL } from './schema-size.ts'
import { compileTenantStatementNow, runTenantStatementNow, type TenantStatement } from './tenant-statement.ts'

/** What this needs of the file: its connection, and the statements that are compiled. */
export interface NowParts {
  readonly connection: EngineConnection
  readonly reply: ReplyLimits
  readonly statements: {
    get(text: string): TenantStatement | undefined
    add(text: string, prepared: TenantStatement): void
    schemaChanged(): void
  }
  readonly engine: (sql: string) => EngineStatement
}

/**
 * Runs one statement inside the transaction that is open.
 *
 * @throws TenaxError `sql_error`, `sql_refused` (also for transaction control, VACUUM and pragmas that set), `argument_invalid`,
 * `query_timeout`, `reply_too_large`, `storage_full`
 */
export function executeNow(
  parts: NowParts,
  { text, bindings, timeoutMs }: { readonly text: string; readonly bindings: Bindings; readonly timeoutMs: number },
): Executed {
  const { connection, reply, engine } = parts
  const plainly = (sql: string) => connection.prepare(sql)
  const sandboxed = (sql: string) => compiled(connection, sql)
  let isSchema = false
  try {
    const known = parts.statements.get(text)
    const prepared = known ?? compileTenantStatementNow(parseStatement(text), { plainly, sandboxed }, reply)
    if (known === undefined) parts.statements.add(text, prepared)
    const { parsed } = prepared
    if (prepared.shape === 'verb') throw refused('this statement cannot run inside a transaction of the engine')
    isSchema = parsed.kind === 'schema'
    const values = bindValues(parsed.parameters, bindings)
    const ready = isSchema ? compileLate(parts, prepared) : prepared
    const writes = isSchema || parsed.kind === 'write'
    const before = writes ? totalChanges(engine) : 0n
    const rows = runTenantStatementNow(ready, values, { timeoutMs, limits: reply, compile: plainly })
    const { wrote, ...effects } = writes ? changesSince(engine, before) : NO_CHANGES
    return { result: { columns: prepared.columns, rows, ...effects }, wrote: wrote || isSchema }
  } catch (error) {
    throw sqlFailure(error)
  } finally {
    if (isSchema) parts.statements.schemaChanged()
  }
}

function compileLate({ connection, engine }: NowParts, prepared: TenantStatement): TenantStatement {
  assert(connection.inTransaction(), 'the schema changes inside a transaction')
  refuseLargeSchema(engine(SCHEMA_SIZE_SQL), prepared.parsed)
  return { ...prepared, statement: compiled(connection, prepared.parsed.text), shape: 'none' }
}

function compiled(connection: EngineConnection, sql: string): EngineStatement {
  connection.setPolicy(TENANT_POLICY)
  try {
    return connection.prepare(sql)
  } finally {
    connection.setPolicy(undefined)
  }
}
