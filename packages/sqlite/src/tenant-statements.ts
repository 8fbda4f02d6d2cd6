/**
 * The compiled statements of a tenant on one connection.
 *
 * Invariant: one is dropped as soon as the schema may have changed, because the engine recompiles a stale one silently and
 * without the sandbox.
 */
import { assert } from '@tenax/kernel'
import { LRUCache } from 'lru-cache'
import { TENANT_POLICY } from './core/policy.ts'
import { parseStatement } from './core/statement.ts'
import type { EngineConnection, EngineStatement } from './driver.ts'
import { sqlFailure } from './failure.ts'
import type { SqliteFileSettings } from './file-options.ts'
import { SHORT_PREPARE_MS, STATEMENTS_MAX } from './limits.ts'
import { isCheapDefinition, refuseLargeSchema, SCHEMA_SIZE_SQL, TENANT_DEFINITIONS_SQL } from './schema-size.ts'
import { compileTenantStatement, type TenantStatement } from './tenant-statement.ts'

/** What they are compiled with. `engine` gives a statement of the engine's own. */
export interface TenantStatementsOptions {
  readonly connection: EngineConnection
  readonly engine: (sql: string) => EngineStatement
  readonly nowMs: () => number
  readonly reply: SqliteFileSettings['reply']
}

/** See the head of this module. */
export class TenantStatements {
  readonly #connection: EngineConnection
  readonly #engine: (sql: string) => EngineStatement
  readonly #nowMs: () => number
  readonly #reply: SqliteFileSettings['reply']
  readonly #compiled = new LRUCache<string, TenantStatement>({ max: STATEMENTS_MAX })
  #schemaMayHaveChanged = false
  #cheapDefinitions: boolean | undefined

  constructor({ connection, engine, nowMs, reply }: TenantStatementsOptions) {
    this.#connection = connection
    this.#engine = engine
    this.#nowMs = nowMs
    this.#reply = reply
  }

  get count(): number {
    return this.#compiled.size
  }

  /** The statement of this text, if it is compiled. */
  get(text: string): TenantStatement | undefined {
    return this.#compiled.get(text)
  }

  /** Keeps one that was compiled. */
  add(text: string, prepared: TenantStatement): void {
    this.#compiled.set(text, prepared)
  }

  /** As {@link SqliteFile.prepare}. */
  async prepare(text: string): Promise<TenantStatement> {
    const known = this.#compiled.get(text)
    if (known !== undefined) return known
    const parsed = parseStatement(text)
    const plainly = (sql: string) => this.#connection.prepareOffThread(sql)
    const sandboxed = (sql: string) => this.#sandboxed(sql)
    const startMs = this.#nowMs()
    try {
      const prepared = await compileTenantStatement(parsed, { sandboxed, plainly }, this.#reply)
      prepared.quickToCompile = this.#nowMs() - startMs <= SHORT_PREPARE_MS
      this.add(text, prepared)
      return prepared
    } catch (error) {
      throw sqlFailure(error)
    }
  }

  /** Compiles a statement that changes the schema, inside its transaction. It is not kept. */
  async compileLate(prepared: TenantStatement): Promise<TenantStatement> {
    assert(this.#connection.inTransaction(), 'the schema changes inside a transaction')
    refuseLargeSchema(this.#engine(SCHEMA_SIZE_SQL), prepared.parsed)
    return { ...prepared, statement: await this.#sandboxed(prepared.parsed.text), shape: 'none' }
  }

  /** With the authorizer on, off thread: some texts take seconds to compile. */
  async #sandboxed(sql: string): Promise<EngineStatement> {
    this.#connection.setPolicy(TENANT_POLICY)
    try {
      return await this.#connection.prepareOffThread(sql)
    } finally {
      this.#connection.setPolicy(undefined)
    }
  }

  /** Asked once per schema: whether its triggers, views, defaults and the like call only what may run on the loop. */
  definitionsAreCheap(): boolean {
    this.#cheapDefinitions ??= this.#engine(TENANT_DEFINITIONS_SQL)
      .all()
      .every(([sql]) => sql instanceof Uint8Array && isCheapDefinition(Buffer.from(sql).toString('utf8')))
    return this.#cheapDefinitions
  }

  /** Now, because what follows in this transaction must be compiled anew; at its end again, because it may roll back. */
  schemaChanged(): void {
    this.drop()
    this.#schemaMayHaveChanged = this.#connection.inTransaction()
  }

  /** Says that a transaction or a part of it has ended. */
  forgetIfChanged(): void {
    if (this.#schemaMayHaveChanged) this.schemaChanged()
  }

  /** Forgets them all. */
  drop(): void {
    this.#cheapDefinitions = undefined
    this.#compiled.clear()
  }
}
