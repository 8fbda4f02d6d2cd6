/** Looks at a data directory that no process serves, through another engine than the one that wrote it. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** A catalog's view of one tenant. */
export interface CatalogRow {
  readonly id: string
  readonly incarnation: string
  readonly file: string
  readonly state: string
}

/** Everything that is wrong: open intents, files that no catalog names, files that are missing or damaged. */
export function faultsOf(dataPath: string): string[] {
  const faults = strangers(dataPath, ['host.lock', 'ledgers', 'reserve', 'shards', 'tenax.json', 'uploads'])
  faults.push(...strangers(join(dataPath, 'uploads'), []))
  for (const shard of readdirSync(join(dataPath, 'shards')))
    faults.push(...shardFaults(join(dataPath, 'shards', shard)))
  return faults
}

function shardFaults(path: string): string[] {
  const names = readdirSync(path)
  const { rows, intents } = readCatalog(join(path, 'catalog.db'))
  const faults = intents.map((intent) => `intent left: ${intent}`)
  faults.push(
    ...strangersAmong(names, [...databaseNames('catalog.db'), ...rows.map(({ incarnation }) => incarnation)], path),
  )
  for (const row of rows) faults.push(...tenantFaults(path, row))
  return faults
}

function tenantFaults(shardPath: string, { id, incarnation, file, state }: CatalogRow): string[] {
  const directory = join(shardPath, incarnation)
  const faults = state === 'warm' ? [] : [`${id} is ${state}`]
  if (!readdirSync(shardPath).includes(incarnation)) return [...faults, `${id} has no directory`]
  faults.push(...strangers(directory, databaseNames(`${file}.db`)))
  const path = join(directory, `${file}.db`)
  const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (walBytes > 0) faults.push(`${id} has ${walBytes} bytes of WAL after a clean close`)
  const complaint = integrityOf(path)
  return complaint === 'ok' ? faults : [...faults, `${id}: ${complaint}`]
}

/** What the catalog at `path` holds. */
export function readCatalog(path: string): { rows: CatalogRow[]; intents: string[] } {
  const catalog = new DatabaseSync(path)
  try {
    const rows = catalog.prepare('SELECT id, incarnation, file, state FROM tenant').all()
    const intents = catalog.prepare("SELECT verb || ' of ' || tenant_id AS text FROM intent").all()
    return {
      rows: rows.map((row) => ({
        id: String(row['id']),
        incarnation: String(row['incarnation']),
        file: String(row['file']),
        state: String(row['state']),
      })),
      intents: intents.map((row) => String(row['text'])),
    }
  } finally {
    catalog.close()
  }
}

/** The answer of `PRAGMA integrity_check`, by SQLite as Node brings it. */
export function integrityOf(path: string): string {
  const database = new DatabaseSync(path)
  try {
    return String(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'])
  } finally {
    database.close()
  }
}

function databaseNames(name: string): string[] {
  return [name, `${name}-wal`, `${name}-shm`]
}

function strangers(path: string, expected: readonly string[]): string[] {
  return strangersAmong(readdirSync(path), expected, path)
}

function strangersAmong(names: readonly string[], expected: readonly string[], path: string): string[] {
  return names.filter((name) => !expected.includes(name)).map((name) => `stray: ${join(path, name)}`)
}
