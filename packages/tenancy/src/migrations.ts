/**
 * The operator's migrations: applied to each tenant on create and on open, before its first request, one transaction
 * each, in order of name, and recorded with their hash. They run under the sandbox, like the tenant's own SQL.
 */
import { createHash } from 'node:crypto'
import { type Clock, type ErrorKind, isTenaxError, messageOf, TenaxError } from '@tenax/kernel'
import { MAINTENANCE_TIMEOUT_MS, type SqliteFile, splitScript, sqlFailure } from '@tenax/sqlite'
import { beginPatiently, commit, runInside } from './operations.ts'

/** One migration: a file's name, and the script in it. */
export interface Migration {
  readonly name: string
  readonly sql: string
}

/** A migration that could not be applied: the tenant is quarantined with this message as the reason. */
export class MigrationError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'MigrationError'
  }
}

/** Failures that say nothing about the migration: it is tried again at the next open. */
const SHORTAGES: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['unavailable', 'overloaded', 'quota'])

const NAME = /^[A-Za-z0-9._-]+$/

/** Checks a list of migrations once, when the host starts: names, order, syntax. Throws TenaxError `config_invalid`. */
export function checkMigrations(migrations: readonly Migration[]): void {
  const names = migrations.map(({ name }) => name)
  const odd = names.find((name) => !NAME.test(name))
  if (odd !== undefined)
    throw new TenaxError('config_invalid', `"${odd}" is no name for a migration`, {
      hint: 'use letters, digits, ".", "_", "-"',
    })
  if (names.some((name, index) => index > 0 && name <= (names[index - 1] ?? ''))) {
    throw new TenaxError('config_invalid', 'migrations must be in order of their names, each name once')
  }
  for (const { name, sql } of migrations) checkScript(name, sql)
}

function checkScript(name: string, sql: string): void {
  try {
    splitScript(sql)
  } catch (error) {
    throw new TenaxError('config_invalid', `migration ${name}: ${messageOf(error)}`, { cause: error })
  }
}

/** Applies what the file has not been through yet. Throws {@link MigrationError}. */
export async function migrate(file: SqliteFile, clock: Clock, migrations: readonly Migration[]): Promise<void> {
  if (migrations.length === 0) return
  const applied = new Map(
    file
      .engine('SELECT name, hash FROM tenax_migration')
      .all()
      .map(([name, hash]) => [name, hash]),
  )
  for (const migration of migrations) {
    const hash = createHash('sha256').update(migration.sql).digest('hex')
    const known = applied.get(migration.name)
    if (known === hash) continue
    if (known !== undefined) throw new MigrationError(`migration ${migration.name} was changed after it was applied`)
    await applyOne(file, clock, migration, hash)
  }
}

async function applyOne(file: SqliteFile, clock: Clock, { name, sql }: Migration, hash: string): Promise<void> {
  const context = { file, clock, onLate: () => undefined, timeoutMs: MAINTENANCE_TIMEOUT_MS }
  await beginPatiently(context, 'immediate')
  try {
    for (const text of splitScript(sql)) {
      const statement = await file.prepare(text)
      if (statement.parsed.kind === 'transaction') throw new MigrationError('a migration is one transaction already')
      await runInside(context, statement, { positional: [], named: [] })
    }
    file.engine('INSERT INTO tenax_migration VALUES (?, ?, ?)').get([name, hash, BigInt(clock.nowMs())])
    await commit(file, true)
  } catch (error) {
    file.rollback()
    const failure = sqlFailure(error)
    if (isTenaxError(failure) && SHORTAGES.has(failure.kind)) throw failure
    throw new MigrationError(`migration ${name} failed: ${messageOf(error)}`, error)
  }
}
