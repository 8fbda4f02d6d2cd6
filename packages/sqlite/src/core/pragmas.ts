/**
 * The pragmas that tenant SQL may use, with their arguments. A pragma never reaches the engine as the tenant wrote it: a
 * reading one becomes a SELECT over its table-valued function, a setting one is performed by the engine.
 */
import { refused, sqlError } from './refusal.ts'
import { asciiLowerCase, isNameLike, isSymbol, type Token } from './tokens.ts'

/** What a pragma statement asks for. */
export type PragmaCall =
  /** Rows of a pragma function; `argument` is a table name, an index name or a count. */
  | { readonly action: 'read'; readonly name: string; readonly argument: string | undefined }
  /** A number kept in the file's header: `user_version` or `application_id`. */
  | { readonly action: 'set_header'; readonly name: string; readonly value: number }
  /** A switch of the stream, not of the file: `foreign_keys` or `defer_foreign_keys`. */
  | { readonly action: 'set_switch'; readonly name: string; readonly on: boolean }
  /** `journal_mode = wal` and the like: what the file already is, asked for politely by many tools. */
  | { readonly action: 'already'; readonly name: string; readonly value: string }
  | { readonly action: 'optimize' }

/** Pragmas that answer with rows and change nothing. The value says whether an argument is taken. */
const READABLE: Readonly<Record<string, 'none' | 'optional' | 'required'>> = {
  application_id: 'none',
  auto_vacuum: 'none',
  collation_list: 'none',
  compile_options: 'none',
  data_version: 'none',
  defer_foreign_keys: 'none',
  encoding: 'none',
  foreign_key_check: 'optional',
  foreign_key_list: 'required',
  foreign_keys: 'none',
  freelist_count: 'none',
  function_list: 'none',
  index_info: 'required',
  index_list: 'required',
  index_xinfo: 'required',
  integrity_check: 'optional',
  journal_mode: 'none',
  max_page_count: 'none',
  page_count: 'none',
  page_size: 'none',
  quick_check: 'optional',
  recursive_triggers: 'none',
  schema_version: 'none',
  table_info: 'required',
  table_list: 'optional',
  table_xinfo: 'required',
  user_version: 'none',
}

const HEADERS: ReadonlySet<string> = new Set(['user_version', 'application_id'])
const SWITCHES: ReadonlySet<string> = new Set(['foreign_keys', 'defer_foreign_keys'])
const ALREADY: Readonly<Record<string, string>> = { journal_mode: 'wal', encoding: 'utf-8' }
const ON: ReadonlySet<string> = new Set(['on', 'yes', 'true', '1'])
const OFF: ReadonlySet<string> = new Set(['off', 'no', 'false', '0'])
const INT32_MAX = 2_147_483_647

/** Names of the table-valued functions that read a pragma: what the authorizer lets tenant SQL select from. */
export function readablePragmaTables(): string[] {
  // journal_mode and max_page_count are answered by the engine and never selected from.
  return Object.keys(READABLE)
    .filter((name) => name !== 'journal_mode' && name !== 'max_page_count')
    .map((name) => `pragma_${name}`)
}

/** Reads `PRAGMA [main.]name [= value | (value)]`. Throws TenaxError `sql_refused` for what is not on the list. */
export function readPragma(tokens: readonly Token[]): PragmaCall {
  let index = 1
  if (isSymbol(tokens[2], '.')) {
    if (!isNameLike(tokens[1]) || asciiLowerCase(tokens[1].value) !== 'main')
      throw refused('only the main schema has pragmas here')
    index = 3
  }
  const nameToken = tokens[index]
  if (!isNameLike(nameToken)) throw sqlError('PRAGMA needs a name')
  const name = asciiLowerCase(nameToken.value)
  const rest = tokens.slice(index + 1)
  if (rest.length === 0) return name === 'optimize' ? { action: 'optimize' } : readCall(name, undefined)
  const value = readValue(rest)
  const setting = isSymbol(rest[0], '=')
  if (HEADERS.has(name)) return { action: 'set_header', name, value: integerOf(name, value) }
  if (SWITCHES.has(name)) return { action: 'set_switch', name, on: switchOf(name, value) }
  if (Object.hasOwn(ALREADY, name) && setting) return already(name, value)
  if (name === 'optimize') return { action: 'optimize' }
  if (setting && READABLE[name] === 'none') throw refused(`PRAGMA ${name} cannot be set`)
  return readCall(name, value)
}

function readCall(name: string, argument: string | undefined): PragmaCall {
  const takes = Object.hasOwn(READABLE, name) ? READABLE[name] : undefined
  if (takes === undefined) throw refused(`PRAGMA ${name} is not allowed`)
  if (takes === 'none' && argument !== undefined) throw refused(`PRAGMA ${name} cannot be set`)
  if (takes === 'required' && argument === undefined) throw sqlError(`PRAGMA ${name} needs an argument`)
  return { action: 'read', name, argument }
}

/** The value of `= value` or `(value)`: a name, a string, or a number with an optional sign. */
function readValue(tokens: readonly Token[]): string {
  const inner = isSymbol(tokens[0], '=') ? tokens.slice(1) : isSymbol(tokens[0], '(') ? tokens.slice(1, -1) : undefined
  if (inner === undefined || (isSymbol(tokens[0], '(') && !isSymbol(tokens.at(-1), ')')))
    throw sqlError('malformed PRAGMA')
  const signed = isSymbol(inner[0], '-') || isSymbol(inner[0], '+')
  const last = inner[signed ? 1 : 0]
  if (last === undefined || inner.length !== (signed ? 2 : 1)) throw sqlError('malformed PRAGMA')
  if (last.type !== 'number' && !isNameLike(last)) throw sqlError('malformed PRAGMA')
  return (isSymbol(inner[0], '-') ? '-' : '') + last.value
}

function integerOf(name: string, text: string): number {
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || Math.abs(value) > INT32_MAX) throw sqlError(`PRAGMA ${name} takes a 32-bit integer`)
  return value
}

function switchOf(name: string, text: string): boolean {
  const word = asciiLowerCase(text)
  if (ON.has(word)) return true
  if (OFF.has(word)) return false
  throw sqlError(`PRAGMA ${name} takes ON or OFF`)
}

function already(name: string, value: string): PragmaCall {
  const standing = ALREADY[name] ?? ''
  if (asciiLowerCase(value) !== standing) throw refused(`PRAGMA ${name} is ${standing} and stays so`)
  return { action: 'already', name, value: name === 'encoding' ? 'UTF-8' : standing }
}

/** Checks whose argument may be a count of complaints, which their table-valued function would take for a table. */
const COUNTED: ReadonlySet<string> = new Set(['integrity_check', 'quick_check'])

/** The SELECT that answers a reading pragma. The argument is quoted as a string; SQLite takes it as a hidden column. */
export function pragmaSelect(call: { readonly name: string; readonly argument: string | undefined }): string {
  const { name, argument } = call
  if (argument === undefined) return `SELECT * FROM pragma_${name}`
  if (COUNTED.has(name) && /^\d+$/.test(argument)) return `SELECT * FROM pragma_${name} LIMIT ${argument}`
  return `SELECT * FROM pragma_${name}('${argument.replaceAll("'", "''")}')`
}
