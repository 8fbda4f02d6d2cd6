/**
 * Names that belong to the engine: `tenax` and everything that begins with `tenax_`, in any case and any quoting. Tenants
 * may read such tables and never write, create, alter or drop them. The authorizer guards what a statement does when it
 * runs; this module guards what a definition would do *later* (a trigger's body, a foreign key, a rename), which the
 * authorizer does not see when the definition is made.
 */
import { DENIED_FUNCTIONS, FORBIDDEN_TABLES, MODULES } from './policy.ts'
import { asciiLowerCase, isNameLike, isSymbol, isWord, type Token } from './tokens.ts'

/**
 * True for a name that only the engine may own. `tenax` itself is one: a virtual table of that name owns `tenax_data`.
 * So is every name that ends in `_shadow`: libSQL keeps vector indexes in such tables and trusts their bytes so far that
 * a changed one ends the process.
 */
export function isReservedName(name: string): boolean {
  const lower = asciiLowerCase(name)
  return lower === 'tenax' || lower.startsWith('tenax_') || lower.endsWith('_shadow')
}

/** The reserved name that INSERT, UPDATE, REPLACE or DELETE in `tokens` writes, or undefined. */
export function findReservedWrite(tokens: readonly Token[]): string | undefined {
  return tokens.find((token, index) => isReserved(token) && isWriteTarget(tokens, index))?.value
}

/** The first reserved name that the definition in `tokens` would own or write, or undefined. */
export function findReservedUse(tokens: readonly Token[]): string | undefined {
  return findDangerousName(tokens) ?? findForeignModule(tokens) ?? findOwnedOrWritten(tokens)
}

function findDangerousName(tokens: readonly Token[]): string | undefined {
  return tokens.find((token, index) => {
    if (!isNameLike(token) || token.type === 'string') return false
    const name = asciiLowerCase(token.value)
    return FORBIDDEN_TABLES.includes(name) || (DENIED_FUNCTIONS.has(name) && isSymbol(tokens[index + 1], '('))
  })?.value
}

/** The module of a CREATE VIRTUAL TABLE, when it is not one that tenants may use. */
function findForeignModule(tokens: readonly Token[]): string | undefined {
  if (!isWord(tokens[1], 'virtual')) return undefined
  const using = tokens.findIndex((token) => isWord(token, 'using'))
  const module = using === -1 ? undefined : tokens[using + 1]
  return isNameLike(module) && MODULES.includes(asciiLowerCase(module.value)) ? undefined : (module?.value ?? 'USING')
}

function findOwnedOrWritten(tokens: readonly Token[]): string | undefined {
  if (!isWord(tokens[0], 'create')) return firstReserved(tokens)
  const kindIndex = tokens.findIndex((token) => token.type === 'word' && CREATED.has(token.value))
  const kind = tokens[kindIndex]?.value
  const rest = tokens.slice(kindIndex + 1)
  if (kind === 'table' && !isWord(tokens[kindIndex - 1], 'virtual')) {
    return firstReserved(headOf(rest, ['as'])) ?? reservedReference(rest)
  }
  if (kind === 'view') return firstReserved(headOf(rest, ['as']))
  if (kind === 'trigger') return reservedInTrigger(rest)
  return firstReserved(rest) ?? (kind === 'table' ? forbiddenSource(rest) : undefined)
}

const CREATED: ReadonlySet<string> = new Set(['table', 'view', 'trigger', 'index'])

/** `content=sqlite_dbpage` and the like: a module reads the table that its arguments name, past the authorizer. */
function forbiddenSource(tokens: readonly Token[]): string | undefined {
  const source = tokens.find((token) => isNameLike(token) && isForbiddenSource(asciiLowerCase(token.value)))
  return source?.value
}

function isForbiddenSource(name: string): boolean {
  return name.startsWith('sqlite_') || name.startsWith('pragma_') || FORBIDDEN_TABLES.includes(name)
}

function firstReserved(tokens: readonly Token[]): string | undefined {
  return tokens.find((token) => isNameLike(token) && isReservedName(token.value))?.value
}

/** What stands before the first parenthesis or one of `words`: the name that a CREATE makes. */
function headOf(tokens: readonly Token[], words: readonly string[]): readonly Token[] {
  const end = tokens.findIndex(
    (token) => isSymbol(token, '(') || (token.type === 'word' && words.includes(token.value)),
  )
  return end === -1 ? tokens : tokens.slice(0, end)
}

/** A foreign key into an engine table would let a tenant's row veto what the engine deletes. */
function reservedReference(tokens: readonly Token[]): string | undefined {
  const index = tokens.findIndex((token, at) => isWord(token, 'references') && isReserved(tokens[at + 1]))
  return index === -1 ? undefined : tokens[index + 1]?.value
}

function reservedInTrigger(tokens: readonly Token[]): string | undefined {
  const begin = tokens.findIndex((token) => isWord(token, 'begin'))
  const head = begin === -1 ? tokens : tokens.slice(0, begin)
  const body = begin === -1 ? [] : tokens.slice(begin + 1)
  return firstReserved(head) ?? findReservedWrite(body) ?? schemaWrite(body)
}

/** SQLite itself refuses to write its schema table, but only once the trigger fires. */
function schemaWrite(tokens: readonly Token[]): string | undefined {
  return tokens.find((token, index) => isNameLike(token) && isSchemaTable(token.value) && isWriteTarget(tokens, index))
    ?.value
}

function isSchemaTable(name: string): boolean {
  return /^sqlite_(temp_)?(schema|master)$/i.test(name)
}

function isReserved(token: Token | undefined): boolean {
  return isNameLike(token) && isReservedName(token.value)
}

/** True when the name at `index` follows INTO, UPDATE, UPDATE OR action, or DELETE FROM, with or without a schema name. */
function isWriteTarget(tokens: readonly Token[], index: number): boolean {
  const qualified = isSymbol(tokens[index - 1], '.')
  const before = index - (qualified ? 3 : 1)
  if (isWord(tokens[before], 'into') || isWord(tokens[before], 'update')) return true
  if (isWord(tokens[before], 'from')) return isWord(tokens[before - 1], 'delete')
  return isWord(tokens[before - 1], 'or') && isWord(tokens[before - 2], 'update')
}
