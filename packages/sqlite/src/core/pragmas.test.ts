import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { libsqlDriver } from '../index.ts'
import { pragmaSelect, readablePragmaTables, readPragma } from './pragmas.ts'
import { tokenize } from './tokens.ts'

const read = (text: string) => readPragma(tokenize(text))

describe('readPragma', () => {
  it.each([
    ['PRAGMA user_version', { action: 'read', name: 'user_version' }],
    ['pragma main.table_info(t)', { action: 'read', name: 'table_info', argument: 't' }],
    ['pragma table_info = "a b"', { action: 'read', name: 'table_info', argument: 'a b' }],
    ["pragma 'table_info'('t')", { action: 'read', name: 'table_info', argument: 't' }],
    ['pragma integrity_check(10)', { action: 'read', name: 'integrity_check', argument: '10' }],
    ['pragma user_version = 7', { action: 'set_header', name: 'user_version', value: 7 }],
    ['pragma user_version(-7)', { action: 'set_header', name: 'user_version', value: -7 }],
    ['pragma application_id = +2147483647', { action: 'set_header', name: 'application_id', value: 2_147_483_647 }],
    ['pragma foreign_keys = OFF', { action: 'set_switch', name: 'foreign_keys', on: false }],
    ['pragma foreign_keys(1)', { action: 'set_switch', name: 'foreign_keys', on: true }],
    ['pragma defer_foreign_keys = true', { action: 'set_switch', name: 'defer_foreign_keys', on: true }],
    ["pragma journal_mode = 'WAL'", { action: 'already', name: 'journal_mode', value: 'wal' }],
    ['pragma encoding = "UTF-8"', { action: 'already', name: 'encoding', value: 'UTF-8' }],
    ['pragma optimize', { action: 'optimize' }],
    ['pragma optimize(0xfffe)', { action: 'optimize' }],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toMatchObject(expected)
  })

  it.each([
    ...[
      'journal_mode = delete',
      'encoding = "UTF-16"',
      'temp.user_version',
      'other.table_info(t)',
      'page_size = 512',
      'schema_version = 1',
      'journal_mode(delete)',
    ],
    ...[
      'writable_schema = 1',
      'key = 1',
      'rekey = 1',
      'temp_store_directory',
      'database_list',
      'wal_checkpoint',
      'max_page_count = 1',
      'max_page_count(1)',
    ],
    ...[
      'trusted_schema = 1',
      'mmap_size',
      'cache_size = 1',
      'synchronous = 0',
      'locking_mode = exclusive',
      'data_store_directory',
      'hard_heap_limit = 1',
    ],
    ...['constructor', 'tostring', 'valueof(1)', '__proto__', '__proto__ = 1', 'constructor = x'],
  ])('PRAGMA %s is refused', (text) => {
    expect(() => read(`PRAGMA ${text}`)).toThrow(
      expect.toSatisfy((error: unknown) => isTenaxError(error, 'sql_refused')),
    )
  })

  it.each([
    '',
    '1',
    'table_info',
    'table_info(',
    'table_info()',
    'table_info(a, b)',
    'user_version = x',
    'user_version = 1.5',
    'user_version = 2147483648',
    'foreign_keys = maybe',
    'foreign_keys =',
  ])('PRAGMA %s is an error', (text) => {
    expect(() => read(`PRAGMA ${text}`)).toThrow(expect.toSatisfy((error: unknown) => isTenaxError(error, 'sql_error')))
  })
})

describe('pragmaSelect', () => {
  const db = libsqlDriver.open(':memory:')
  db.prepare('CREATE TABLE "it\'s"(a INTEGER PRIMARY KEY, b)').get()

  it('answers what the pragma itself answers, for a name with a quote in it', () => {
    const call = { name: 'table_info', argument: "it's" }
    expect(db.prepare(pragmaSelect(call)).all()).toEqual(db.prepare('PRAGMA table_info("it\'s")').all())
  })

  it('every pragma on the list has a table-valued function that the engine knows', () => {
    for (const name of readablePragmaTables()) expect(() => db.prepare(`SELECT * FROM ${name}`)).not.toThrow()
  })
})
