/** Drizzle ORM over the stock client: schema, migration, insert, join, transaction, relational query. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { and, asc, count, eq, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql/http'
import { migrate } from 'drizzle-orm/libsql/migrator'
import { blob, index, integer, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, openHost, rowsOf, stockClient } from './fixtures/host-bed.ts'

const author = sqliteTable(
  'author',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text().notNull(),
    joinedAt: integer('joined_at', { mode: 'timestamp_ms' }).notNull(),
    isActive: integer('is_active', { mode: 'boolean' }).notNull().default(true),
  },
  (table) => [uniqueIndex('author_name').on(table.name)],
)

const post = sqliteTable(
  'post',
  {
    id: integer().primaryKey(),
    authorId: integer('author_id')
      .notNull()
      .references(() => author.id, { onDelete: 'cascade' }),
    title: text().notNull(),
    tags: text({ mode: 'json' }).$type<string[]>().notNull(),
    score: real(),
    cover: blob({ mode: 'buffer' }),
  },
  (table) => [index('post_author').on(table.authorId)],
)

const schema = {
  author,
  post,
  authorRelations: relations(author, ({ many }) => ({ posts: many(post) })),
  postRelations: relations(post, ({ one }) => ({
    author: one(author, { fields: [post.authorId], references: [author.id] }),
  })),
}

/** What `drizzle-kit generate` writes for the schema above, and then for a column that becomes nullable. */
const MIGRATIONS = {
  '0000_first': [
    'CREATE TABLE `author` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`name` text NOT NULL,\n\t`joined_at` integer NOT NULL,\n\t`is_active` integer DEFAULT true NOT NULL\n);\n',
    'CREATE UNIQUE INDEX `author_name` ON `author` (`name`);',
    'CREATE TABLE `post` (\n\t`id` integer PRIMARY KEY NOT NULL,\n\t`author_id` integer NOT NULL,\n\t`title` text NOT NULL,\n\t`tags` text NOT NULL,\n\t`score` real NOT NULL,\n\tFOREIGN KEY (`author_id`) REFERENCES `author`(`id`) ON UPDATE no action ON DELETE cascade\n);\n',
    'CREATE INDEX `post_author` ON `post` (`author_id`);',
  ],
  '0001_second': [
    'PRAGMA foreign_keys=OFF;',
    'CREATE TABLE `__new_post` (\n\t`id` integer PRIMARY KEY NOT NULL,\n\t`author_id` integer NOT NULL,\n\t`title` text NOT NULL,\n\t`tags` text NOT NULL,\n\t`score` real,\n\tFOREIGN KEY (`author_id`) REFERENCES `author`(`id`) ON UPDATE no action ON DELETE cascade\n);\n',
    'INSERT INTO `__new_post`("id", "author_id", "title", "tags", "score") SELECT "id", "author_id", "title", "tags", "score" FROM `post`;',
    'DROP TABLE `post`;',
    'ALTER TABLE `__new_post` RENAME TO `post`;',
    'PRAGMA foreign_keys=ON;',
    'CREATE INDEX `post_author` ON `post` (`author_id`);',
    'ALTER TABLE `post` ADD `cover` blob;',
  ],
} as const

type MigrationTag = keyof typeof MIGRATIONS

let bed: HostBed
let directory: string
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost()
  directory = mkdtempSync(join(tmpdir(), 'tenax-drizzle-'))
})
afterAll(async () => {
  await bed[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** Writes a migrations folder as drizzle-kit lays it out. */
function writeMigrations(folder: string, tags: readonly MigrationTag[]): string {
  const path = join(directory, folder)
  mkdirSync(join(path, 'meta'), { recursive: true })
  const entries = tags.map((tag, idx) => ({ idx, version: '6', when: 1_700_000_000_000 + idx, tag, breakpoints: true }))
  writeFileSync(join(path, 'meta', '_journal.json'), JSON.stringify({ version: '7', dialect: 'sqlite', entries }))
  for (const tag of tags) writeFileSync(join(path, `${tag}.sql`), MIGRATIONS[tag].join('--> statement-breakpoint\n'))
  return path
}

async function newDatabase(tags: readonly MigrationTag[] = ['0000_first', '0001_second']) {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  const client = stockClient(bed, id)
  const db = drizzle(client, { schema })
  await migrate(db, { migrationsFolder: writeMigrations(id, tags) })
  return { id, db }
}

const JOINED = new Date(1_700_000_000_123)

/** A database with two authors and three posts. */
async function filledDatabase() {
  const made = await newDatabase()
  await made.db.insert(author).values([
    { name: 'Ada', joinedAt: JOINED },
    { name: 'Bob', joinedAt: JOINED, isActive: false },
  ])
  await made.db.insert(post).values([
    { authorId: 1, title: 'One', tags: ['a', 'b'], score: 1.5, cover: Buffer.from([0, 255]) },
    { authorId: 1, title: 'Two', tags: [] },
    { authorId: 2, title: 'Three', tags: ['c'] },
  ])
  return made
}

test('the migrator applies each migration once, and goes on where it stopped', async () => {
  const { id, db } = await newDatabase(['0000_first'])
  const both = writeMigrations(`${id}-both`, ['0000_first', '0001_second'])
  await migrate(db, { migrationsFolder: both })
  await migrate(db, { migrationsFolder: both })
  expect(await rowsOf(bed, id, 'select count(*) from __drizzle_migrations')).toEqual([[2]])
  expect(await rowsOf(bed, id, "select name from pragma_table_info('post')")).toEqual([
    ['id'],
    ['author_id'],
    ['title'],
    ['tags'],
    ['score'],
    ['cover'],
  ])
  expect(await rowsOf(bed, id, 'pragma foreign_keys')).toEqual([[1]])
})

test('inserted rows come back with their types', async () => {
  const { db } = await filledDatabase()
  const [first] = await db.select().from(author).where(eq(author.name, 'Ada'))
  expect(first).toEqual({ id: 1, name: 'Ada', joinedAt: JOINED, isActive: true })
  const [one, two] = await db.select().from(post).orderBy(asc(post.id))
  expect(one).toMatchObject({ title: 'One', tags: ['a', 'b'], score: 1.5 })
  expect([...(one?.cover ?? [])]).toEqual([0, 255])
  expect(two).toMatchObject({ tags: [], score: null, cover: null })
})

test('returning, update, delete and upsert answer what they changed', async () => {
  const { db } = await filledDatabase()
  const added = await db.insert(author).values({ name: 'Cy', joinedAt: JOINED }).returning({ id: author.id })
  expect(added).toEqual([{ id: 3 }])
  const upserted = await db
    .insert(author)
    .values({ name: 'Cy', joinedAt: JOINED, isActive: false })
    .onConflictDoUpdate({ target: author.name, set: { isActive: sql`excluded.is_active` } })
    .returning()
  expect(upserted).toMatchObject([{ id: 3, isActive: false }])
  const { rowsAffected } = await db.update(post).set({ score: 9 }).where(eq(post.authorId, 1))
  expect(rowsAffected).toBe(2)
  expect(await db.delete(author).where(eq(author.id, 1)).returning({ name: author.name })).toEqual([{ name: 'Ada' }])
  expect(await db.select({ n: count() }).from(post)).toEqual([{ n: 1 }])
})

test('joins, groups and subqueries', async () => {
  const { db } = await filledDatabase()
  const joined = await db
    .select({ title: post.title, by: author.name })
    .from(post)
    .innerJoin(author, and(eq(post.authorId, author.id), eq(author.isActive, true)))
    .orderBy(asc(post.title))
  expect(joined).toEqual([
    { title: 'One', by: 'Ada' },
    { title: 'Two', by: 'Ada' },
  ])
  const grouped = await db
    .select({ name: author.name, posts: count(post.id) })
    .from(author)
    .leftJoin(post, eq(post.authorId, author.id))
    .groupBy(author.id)
    .orderBy(asc(author.name))
  expect(grouped).toEqual([
    { name: 'Ada', posts: 2 },
    { name: 'Bob', posts: 1 },
  ])
})

test('a relational query nests rows', async () => {
  const { db } = await filledDatabase()
  const authors = await db.query.author.findMany({
    columns: { name: true },
    with: { posts: { columns: { title: true, tags: true }, orderBy: asc(post.title), limit: 1 } },
    orderBy: asc(author.name),
  })
  expect(authors).toEqual([
    { name: 'Ada', posts: [{ title: 'One', tags: ['a', 'b'] }] },
    { name: 'Bob', posts: [{ title: 'Three', tags: ['c'] }] },
  ])
  expect(await db.query.post.findFirst({ with: { author: true }, where: eq(post.title, 'Two') })).toMatchObject({
    title: 'Two',
    author: { name: 'Ada' },
  })
})

test('a transaction commits as a whole, and nested ones roll back to their start', async () => {
  const { db } = await filledDatabase()
  await db.transaction(async (tx) => {
    await tx.insert(author).values({ name: 'Cy', joinedAt: JOINED })
    const [made] = await tx.select().from(author).where(eq(author.name, 'Cy'))
    await tx.insert(post).values({ authorId: made?.id ?? 0, title: 'Four', tags: [] })
  })
  expect(await db.$count(post)).toBe(4)
})

test('a transaction that throws or calls rollback leaves nothing', async () => {
  const { db } = await filledDatabase()
  const failing = db.transaction(async (tx) => {
    await tx.delete(post)
    await tx.insert(author).values({ name: 'Ada', joinedAt: JOINED })
  })
  await expect(failing).rejects.toMatchObject({ cause: { code: 'SQLITE_CONSTRAINT' } })
  const undone = db.transaction(async (tx) => {
    await tx.delete(post)
    tx.rollback()
  })
  await expect(undone).rejects.toThrow('Rollback')
  expect(await db.$count(post)).toBe(3)
})

test('a batch is one transaction', async () => {
  const { db } = await filledDatabase()
  const [, rows] = await db.batch([
    db.insert(author).values({ name: 'Cy', joinedAt: JOINED }),
    db.select({ name: author.name }).from(author).orderBy(asc(author.name)),
  ])
  expect(rows).toEqual([{ name: 'Ada' }, { name: 'Bob' }, { name: 'Cy' }])
  const failing = db.batch([db.delete(post), db.insert(author).values({ name: 'Ada', joinedAt: JOINED })])
  await expect(failing).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
  expect(await db.$count(post)).toBe(3)
})

test('a broken constraint reaches the caller with its code', async () => {
  const { db } = await filledDatabase()
  const failing = db.insert(post).values({ authorId: 99, title: 'x', tags: [] })
  await expect(failing).rejects.toMatchObject({ cause: { code: 'SQLITE_CONSTRAINT' } })
})
