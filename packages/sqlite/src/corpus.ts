/**
 * Runs entries of the corpora in `fixtures` against a file, as the tenancy layer would: each statement in a transaction
 * of its own, transaction control only on a stream (there is none here), VACUUM and setting pragmas as verbs of the file.
 */
import { readFileSync } from 'node:fs'
import type { SqlResult, SqlValue } from '@tenax/kernel'
import { parseStatement, refused, type SqliteFile } from './index.ts'

/** An attack. All statements run, one after the other, also behind one that failed. */
export interface Attack {
  readonly name: string
  readonly group: string
  readonly why: string
  readonly setup?: readonly string[]
  readonly sql: string | readonly string[]
  /** `refused`: at least one statement fails with a typed error. `harmless`: each may fail or not. */
  readonly expect: 'refused' | 'harmless'
  /** Long text: each name in `sql` stands for a piece repeated so many times. */
  readonly expand?: Readonly<Record<string, readonly [string, number]>>
  /** What the engine itself must read after the attack. */
  readonly check?: { readonly sql: string; readonly rows: unknown }
  /** A path that must not exist after the attack. `$TMP` is the entry's own directory. */
  readonly absentFile?: string
}

/** Ordinary SQL that must work; `rows` are what the last statement answers. */
export interface Everyday {
  readonly name: string
  readonly setup?: readonly string[]
  readonly sql: string | readonly string[]
  readonly rows?: unknown
}

/** All attacks. */
export function readAttacks(): readonly Attack[] {
  return readCorpus('attacks.json')
}

/** All everyday entries. */
export function readEveryday(): readonly Everyday[] {
  return readCorpus('everyday.json')
}

function readCorpus<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'))
}

/** The statements of an entry, with `$TMP` and its repetitions put in. */
export function statementsOf(entry: Attack | Everyday, directory: string): string[] {
  const expansions = Object.entries('expand' in entry ? entry.expand : {})
  return [entry.sql].flat().map((sql) => {
    let text = sql.replaceAll('$TMP', directory)
    for (const [name, [piece, count]] of expansions) text = text.replaceAll(name, piece.repeat(count))
    return text
  })
}

const OPTIONS = { mayRunOnLoop: false, timeoutMs: 5_000 }

/** Performs one statement outside any stream. */
export async function perform(file: SqliteFile, sql: string, options = OPTIONS): Promise<SqlResult> {
  const parsed = parseStatement(sql)
  if (parsed.kind === 'transaction') throw refused('transaction control needs a stream')
  if (parsed.kind === 'vacuum') return file.vacuum().then(nothing)
  if (parsed.kind === 'pragma' && parsed.pragma.action !== 'read') return performPragma(file, parsed.pragma)
  file.begin('immediate')
  try {
    const { result } = await file.execute(await file.prepare(sql), { positional: [], named: [] }, options)
    await file.commit()
    return result
  } catch (error) {
    file.rollback()
    throw error
  }
}

type PragmaVerb = Exclude<Extract<ReturnType<typeof parseStatement>, { kind: 'pragma' }>['pragma'], { action: 'read' }>

async function performPragma(file: SqliteFile, pragma: PragmaVerb): Promise<SqlResult> {
  if (pragma.action === 'set_header') file.setHeader(pragma.name, pragma.value)
  if (pragma.action === 'optimize') await file.optimize()
  if (pragma.action === 'set_switch' && pragma.name === 'foreign_keys') file.setSwitch('foreign_keys', pragma.on)
  if (pragma.action === 'set_switch' && pragma.name === 'defer_foreign_keys')
    file.setSwitch('defer_foreign_keys', pragma.on)
  return nothing()
}

function nothing(): SqlResult {
  return { columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }
}

/** Rows as the corpora write them: small integers as numbers, large ones and infinities as strings, blobs as base64. */
export function plainRows(rows: SqlResult['rows']): unknown[][] {
  return rows.map((row) => row.map(plainValue))
}

function plainValue(value: SqlValue): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
