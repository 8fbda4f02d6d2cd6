/**
 * Looks into a stranger's database file before it becomes a tenant. The file may be damaged, hostile, or simply not a
 * database; nothing here trusts a byte of it, and text is read as blobs (the binding aborts on invalid UTF-8).
 *
 * Accepted: any page size, any journal mode, UTF-8. A file with `tenax_*` objects is accepted when those equal the schema
 * of a released format and their rows are sound (an export of a tenant); any other such name is refused.
 */
import { TenaxError } from '@tenax/kernel'
import {
  type EngineConnection,
  type EngineDriver,
  EngineError,
  isReservedName,
  isVectorShadow,
  MAINTENANCE_TIMEOUT_MS,
  noteScratchClose,
  parseStatement,
  SCHEMA_BYTES_MAX,
  SCHEMA_SIZE_SQL,
  type VectorIndex,
  VIEWS_MAX,
  vectorIndexes,
} from '@tenax/sqlite'
import { readHead } from './files/upload.ts'
import { TENANT_IDEMPOTENCY_SQL, TENANT_META_SQL, TENANT_MIGRATION_SQL } from './tenant-schema.ts'

const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100

/** A stranger's file, open and found sound. `isExport` says that it has the engine's tables already. */
export interface CheckedImport {
  readonly connection: EngineConnection
  readonly isExport: boolean
  /** True when it has the tables that others keep in tenants' files. */
  readonly hasTables: boolean
}

/** Opens and checks the file at `path`. Throws TenaxError `import_invalid` with a `reason`; the file is then closed. */
export async function checkImport(
  driver: EngineDriver,
  path: string,
  tables: readonly string[] = [],
): Promise<CheckedImport> {
  await checkHeader(path)
  const connection = driver.open(path)
  try {
    connection.prepare('PRAGMA trusted_schema = OFF').get()
    connection.prepare('PRAGMA cell_size_check = ON').get()
    const encoding = connection.prepare('PRAGMA encoding').get()?.[0]
    if (encoding !== 'UTF-8') throw invalid('encoding', `the database is ${String(encoding)}; only UTF-8 is taken`)
    // Definitions first: integrity_check asks the modules of virtual tables, and a module may read files.
    checkSchemaSize(connection)
    const { isExport, hasTables } = checkSchema(connection, tables)
    await checkIntegrity(connection)
    if (isExport) checkEngineRows(connection)
    return { connection, isExport, hasTables }
  } catch (error) {
    connection.close()
    noteScratchClose()
    throw error instanceof EngineError
      ? invalid('damaged', `SQLite cannot read the file: ${error.message}`, error)
      : error
  }
}

function invalid(reason: string, message: string, cause?: unknown): TenaxError {
  return new TenaxError('import_invalid', message, {
    cause,
    details: { reason },
    hint: 'send a complete SQLite database file; nothing was changed',
  })
}

async function checkHeader(path: string): Promise<void> {
  const head = Buffer.from(await readHead(path, HEADER_BYTES))
  if (head.length < HEADER_BYTES || head.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw invalid('not_sqlite', 'the file is not an SQLite database')
  }
}

async function checkIntegrity(connection: EngineConnection): Promise<void> {
  const statement = connection.prepare('SELECT CAST(integrity_check AS BLOB) FROM pragma_integrity_check LIMIT 5')
  const rows = await statement.allOffThread([], MAINTENANCE_TIMEOUT_MS, 5)
  const texts = rows.map(([text]) => textOf(text))
  if (texts.length !== 1 || texts[0] !== 'ok') throw invalid('damaged', `integrity_check: ${texts.join('; ')}`)
}

function checkSchema(
  connection: EngineConnection,
  tables: readonly string[],
): Pick<CheckedImport, 'isExport' | 'hasTables'> {
  const rows = connection
    .prepare(
      'SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema',
    )
    .all()
    .map((row) => row.map(strictTextOf))
  const vectors = vectorIndexes(connection)
  const reserved = rows.filter(
    ([, name = '', table = '']) =>
      (isReservedName(name) && !isVectorShadow(name, vectors)) ||
      (isReservedName(table) && !isVectorShadow(table, vectors)),
  )
  const own = reserved.filter(([, , , sql = '']) => OWN_SQL.includes(sql))
  const others = reserved.filter(([, , , sql = '']) => tables.includes(sql))
  const owners = new Set([...own, ...others].map(([, name]) => name))
  const automatic = reserved.filter(
    ([type, name = '', table = '']) => isAutomaticIndex(type, name) && owners.has(table),
  )
  const known = [...own, ...others, ...automatic]
  const isExport = own.length === OWN_SQL.length
  const hasTables = others.length > 0
  const isWhole = (isExport || known.length === 0) && (!hasTables || others.length === tables.length)
  if (known.length !== reserved.length || !isWhole) {
    const foreign = reserved.find((row) => !known.includes(row)) ?? reserved[0]
    const names = new Set(tables.map(nameIn))
    const engines = reserved.find((row) => !own.includes(row) && names.has(row[1] ?? ''))
    if (isExport && engines !== undefined) throw ofAnotherRelease(foreign?.[1] ?? '')
    throw invalid('reserved_name', `the file has an object "${foreign?.[1] ?? ''}", a name that belongs to the engine`)
  }
  for (const row of rows) if (!reserved.includes(row)) checkDefinition(row, vectors)
  return { isExport, hasTables }
}

/** The name in a definition of an engine's table or index. */
function nameIn(sql: string): string {
  return /^CREATE (?:UNIQUE )?(?:TABLE|INDEX|VIEW) (\w+)/.exec(sql)?.[1] ?? ''
}

/** An export, but for tables that others keep in tenants' files: they are not those that this release keeps there. */
function ofAnotherRelease(name: string): TenaxError {
  return new TenaxError('engine_tables_unknown', `the export has a "${name}" that is not what this release makes`, {
    hint: 'import it with the release that exported it; nothing has changed here',
    details: { object: name },
  })
}

const OWN_SQL: readonly string[] = [TENANT_META_SQL, TENANT_MIGRATION_SQL, TENANT_IDEMPOTENCY_SQL]

function isAutomaticIndex(type: string | undefined, name: string): boolean {
  return type === 'index' && name.startsWith('sqlite_autoindex_')
}

/** Every definition of a stranger gets the same look as a tenant's own, since none is looked at when it is used. */
function checkDefinition([type, name = '', , sql]: readonly string[], vectors: readonly VectorIndex[]): void {
  if (sql === undefined || sql === '' || isVectorShadow(name, vectors)) return
  try {
    if (parseStatement(sql).kind !== 'schema') throw invalid('definition', `the ${type} "${name}" has no definition`)
  } catch (error) {
    throw invalid('definition', `the ${type} "${name}" is not allowed`, error)
  }
}

function checkSchemaSize(connection: EngineConnection): void {
  const [bytes = 0n, views = 0n] = connection.prepare(SCHEMA_SIZE_SQL).get() ?? []
  if (Number(bytes) > SCHEMA_BYTES_MAX || Number(views) > VIEWS_MAX) {
    throw invalid('definition', `the definitions have more than ${SCHEMA_BYTES_MAX} bytes, or ${VIEWS_MAX} views`)
  }
}

/** The rows of the engine's tables, as the engine would have written them. */
function checkEngineRows(connection: EngineConnection): void {
  const [sound] =
    connection
      .prepare(
        `SELECT (SELECT count(*) FROM tenax_meta) = 1
           AND (SELECT count(*) FROM tenax_meta WHERE id = 1 AND format = 1 AND lsn >= 0) = 1
           AND NOT EXISTS (SELECT 1 FROM tenax_migration WHERE typeof(name) <> 'text' OR typeof(hash) <> 'text'
             OR length(name) <> octet_length(name) OR length(hash) <> 64
             OR name GLOB '*[^A-Za-z0-9._-]*' OR hash GLOB '*[^0-9a-f]*')`,
      )
      .get() ?? []
  if (sound !== 1n) throw invalid('engine_rows', 'the rows of the engine tables are not what Tenax writes')
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : ''
}

function strictTextOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) return ''
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch (error) {
    throw invalid('definition', 'the schema holds text that is not UTF-8', error)
  }
}
