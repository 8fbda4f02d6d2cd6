/** Kysely over the stock client, by a dialect of a few lines: migrations, introspection, queries, transactions. */
import type { InValue, Transaction as LibsqlTransaction } from '@libsql/client/http'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type Generated,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, openHost, rowsOf, stockClient } from './fixtures/host-bed.ts'

type StockClient = ReturnType<typeof stockClient>

/** One connection: the client itself, or the transaction that is open on it. */
class LibsqlConnection implements DatabaseConnection {
  readonly #client: StockClient
  transaction: LibsqlTransaction | undefined

  constructor(client: StockClient) {
    this.#client = client
  }

  get client(): StockClient {
    return this.#client
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const statement = { sql: compiled.sql, args: compiled.parameters.map(inValueOf) }
    const target = this.transaction ?? this.#client
    const { rows, rowsAffected, lastInsertRowid } = await target.execute(statement)
    return {
      rows: rows as R[],
      numAffectedRows: BigInt(rowsAffected),
      ...(lastInsertRowid === undefined ? {} : { insertId: lastInsertRowid }),
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are not streamed')
  }
}

function inValueOf(value: unknown): InValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Uint8Array) return value
  throw new TypeError('not a value that SQLite keeps')
}

class LibsqlDriver implements Driver {
  readonly #client: StockClient
  readonly #open = new Map<DatabaseConnection, LibsqlConnection>()

  constructor(client: StockClient) {
    this.#client = client
  }

  init = () => Promise.resolve()

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection = new LibsqlConnection(this.#client)
    this.#open.set(connection, connection)
    return connection
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const own = this.#open.get(connection)
    if (own !== undefined) own.transaction = await this.#client.transaction('write')
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#open.get(connection)?.transaction?.commit()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#open.get(connection)?.transaction?.rollback()
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.#open.get(connection)?.transaction?.close()
    this.#open.delete(connection)
  }

  async destroy(): Promise<void> {
    this.#client.close()
  }
}

interface Tables {
  pet: { id: Generated<number>; name: string; owner_id: number | null; weight: number | null }
  owner: { id: Generated<number>; name: string }
}

const MIGRATIONS: Record<string, Migration> = {
  '0001-pets': {
    async up(db) {
      await db.schema
        .createTable('owner')
        .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .execute()
      await db.schema
        .createTable('pet')
        .ifNotExists()
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('owner_id', 'integer', (column) => column.references('owner.id').onDelete('set null'))
        .addCheckConstraint('named', sql`length(name) > 0`)
        .execute()
      await db.schema.createIndex('pet_owner').on('pet').column('owner_id').execute()
    },
    async down(db) {
      await db.schema.dropTable('pet').execute()
      await db.schema.dropTable('owner').execute()
    },
  },
  '0002-weights': {
    async up(db) {
      await db.schema.alterTable('pet').addColumn('weight', 'real').execute()
      await db.schema
        .createView('heavy')
        .as(db.selectFrom('pet').selectAll().where('weight', '>', 10))
        .execute()
    },
    async down(db) {
      await db.schema.dropView('heavy').execute()
      await db.schema.alterTable('pet').dropColumn('weight').execute()
    },
  },
}

let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost()
})
afterAll(() => bed[Symbol.asyncDispose]())

async function newDatabase() {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  const client = stockClient(bed, id)
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new LibsqlDriver(client),
      createIntrospector: (of) => new SqliteIntrospector(of),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  return { id, db, migrator }
}

async function migratedDatabase() {
  const made = await newDatabase()
  const { error } = await made.migrator.migrateToLatest()
  expect(error).toBeUndefined()
  return made
}

test('the migrator goes up once, and down again', async () => {
  const { id, migrator } = await newDatabase()
  const up = await migrator.migrateToLatest()
  expect(up.results?.map(({ migrationName, status }) => [migrationName, status])).toEqual([
    ['0001-pets', 'Success'],
    ['0002-weights', 'Success'],
  ])
  expect((await migrator.migrateToLatest()).results).toEqual([])
  expect((await migrator.migrateDown()).results).toMatchObject([{ migrationName: '0002-weights', status: 'Success' }])
  expect(await rowsOf(bed, id, "select count(*) from pragma_table_info('pet')")).toEqual([[3]])
})

test('introspection finds tables, views, columns and their kinds', async () => {
  const { db } = await migratedDatabase()
  const tables = await db.introspection.getTables()
  const pet = tables.find(({ name }) => name === 'pet')
  expect(pet?.columns.map(({ name, dataType, isNullable }) => [name, dataType.toLowerCase(), isNullable])).toEqual([
    ['id', 'integer', true],
    ['name', 'text', false],
    ['owner_id', 'integer', true],
    ['weight', 'real', true],
  ])
  const owner = tables.find(({ name }) => name === 'owner')
  expect(owner?.columns.find(({ name }) => name === 'id')?.isAutoIncrementing).toBe(true)
  expect(tables.find(({ name }) => name === 'heavy')?.isView).toBe(true)
})

test('inserts, joins, updates and deletes answer what they should', async () => {
  const { db } = await migratedDatabase()
  const owner = await db.insertInto('owner').values({ name: 'Ada' }).returning('id').executeTakeFirstOrThrow()
  const inserted = await db
    .insertInto('pet')
    .values([
      { name: 'Rex', owner_id: owner.id, weight: 30 },
      { name: 'Tom', owner_id: null, weight: 4.5 },
    ])
    .executeTakeFirst()
  expect(inserted).toMatchObject({ insertId: 2n, numInsertedOrUpdatedRows: 2n })
  const joined = await db
    .selectFrom('pet')
    .leftJoin('owner', 'owner.id', 'pet.owner_id')
    .select(['pet.name as pet', 'owner.name as owner'])
    .orderBy('pet.name')
    .execute()
  expect(joined).toEqual([
    { pet: 'Rex', owner: 'Ada' },
    { pet: 'Tom', owner: null },
  ])
  const updated = await db.updateTable('pet').set({ weight: 5 }).where('name', '=', 'Tom').executeTakeFirst()
  expect(updated.numUpdatedRows).toBe(1n)
  const deleted = await db.deleteFrom('owner').executeTakeFirst()
  expect(deleted.numDeletedRows).toBe(1n)
  expect(await db.selectFrom('pet').select('owner_id').distinct().execute()).toEqual([{ owner_id: null }])
})

test('a transaction commits as a whole', async () => {
  const { db } = await migratedDatabase()
  await db.transaction().execute(async (tx) => {
    await tx.insertInto('owner').values({ name: 'Ada' }).execute()
    await tx.insertInto('pet').values({ name: 'Rex', owner_id: 1 }).execute()
  })
  expect(await db.selectFrom('pet').select('name').execute()).toEqual([{ name: 'Rex' }])
})

test('a transaction that throws leaves nothing, and the error has its code', async () => {
  const { db } = await migratedDatabase()
  const failing = db.transaction().execute(async (tx) => {
    await tx.insertInto('owner').values({ name: 'Ada' }).execute()
    await tx.insertInto('pet').values({ name: '' }).execute()
  })
  await expect(failing).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
  expect(await db.selectFrom('owner').selectAll().execute()).toEqual([])
})

test('raw SQL runs with its values', async () => {
  const { db } = await migratedDatabase()
  const { rows } = await sql<{ n: number }>`select ${20} + ${22} as n`.execute(db)
  expect(rows).toEqual([{ n: 42 }])
  const compiled = await db.executeQuery<{ n: number }>(CompiledQuery.raw('select ? as n', [7]))
  expect(compiled.rows).toEqual([{ n: 7 }])
})
