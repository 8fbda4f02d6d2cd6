/** The lifecycle verbs whose crash points are enumerated: how each is done, and what a tenant is before and after it. */
import { isTenaxError, parseTenantId } from '@tenax/kernel'
import type { Migration, Tenancy } from '@tenax/tenancy'
import { run } from './load-tenants.ts'

/** `migrate` opens a tenant that has not seen the last migration; `open` only opens the data directory. */
export type VerbName = 'create' | 'delete' | 'import_new' | 'import_over' | 'suspend' | 'resume' | 'migrate' | 'open'

/** The tenant that the verb is done to, and one that nothing may happen to. */
export const TARGET = parseTenantId('target')
export const NEIGHBOUR = parseTenantId('neighbour')

/** The mark in the file that is imported, and those that a tenant has written before. */
export const IMPORTED_MARK = 7
export const WRITTEN_MARKS: readonly number[] = [1, 2, 3]

export const VERB_MIGRATIONS: readonly Migration[] = [
  { name: '0001-note.sql', sql: 'CREATE TABLE note (mark INTEGER) STRICT' },
  {
    name: '0002-later.sql',
    sql: 'CREATE TABLE later (mark INTEGER) STRICT; INSERT INTO later VALUES (1); CREATE INDEX later_mark ON later (mark)',
  },
]

/** Does the verb to {@link TARGET}. `stranger` is the file for an import. */
export async function perform(tenancy: Tenancy, verb: VerbName, stranger: Uint8Array): Promise<void> {
  if (verb === 'create') await tenancy.create(TARGET)
  else if (verb === 'delete') await tenancy.delete(TARGET)
  else if (verb === 'suspend') await tenancy.suspend(TARGET)
  else if (verb === 'resume') await tenancy.resume(TARGET)
  else if (verb === 'migrate') await run(tenancy, TARGET, 'SELECT 1')
  else if (verb !== 'open') await tenancy.import(TARGET, once(stranger))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** What a tenant is: text, to be compared. */
export async function stateOf(tenancy: Tenancy, id: typeof TARGET): Promise<string> {
  const record = tenancy.list({ limit: 10, afterId: '', prefix: id, accepts: () => true }).tenants[0]
  if (record === undefined) return 'absent'
  if (record.quarantineReason !== undefined) return `quarantined: ${record.quarantineReason}`
  if (record.suspendedAtMs !== undefined) return 'suspended'
  const marks = await marksOf(tenancy, id)
  return `${record.state}, marks ${marks.join(' ')}`
}

async function marksOf(tenancy: Tenancy, id: typeof TARGET): Promise<string[]> {
  const marks: string[] = []
  for (const table of ['imported', 'note', 'later']) {
    try {
      const { rows } = await run(tenancy, id, `SELECT mark FROM ${table} ORDER BY rowid`)
      marks.push(...rows.map(([mark]) => `${table}:${String(mark)}`))
    } catch (error) {
      if (!isTenaxError(error, 'sql_error')) throw error
    }
  }
  return marks
}
