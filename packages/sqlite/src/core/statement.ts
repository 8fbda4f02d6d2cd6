/**
 * What a tenant's statement is, decided from its tokens: what it may do, how it is run, and what the engine performs
 * instead of it. SQLite's grammar gives every statement away by its first keyword (after WITH: by the first word behind
 * the common table expressions), so no statement has to run, and none has to be asked, to know whether it writes.
 */
import { SQL_BYTES_MAX } from '@tenax/kernel'
import { NESTING_MAX, SELECTS_MAX } from '../limits.ts'
import { type Parameters, readParameters } from './parameters.ts'
import { type PragmaCall, readPragma } from './pragmas.ts'
import { refused, sqlError } from './refusal.ts'
import { findReservedUse, findReservedWrite } from './reserved.ts'
import { isNameLike, isSymbol, isWord, splitStatements, type Token, tokenize } from './tokens.ts'

/** Transaction control that the engine performs itself, inside its own transaction (LEDGER C2). */
export type TransactionVerb =
  | { readonly verb: 'begin'; readonly mode: 'deferred' | 'immediate' | 'readonly' }
  | { readonly verb: 'commit' }
  | { readonly verb: 'rollback' }
  | { readonly verb: 'savepoint' | 'release' | 'rollback_to'; readonly name: string }

/** One statement, read. `text` is the source from its first to its last token: no comments around it, no semicolon. */
export type ParsedStatement = {
  readonly text: string
  readonly tokens: readonly Token[]
  readonly parameters: Parameters
} & (
  | { readonly kind: 'read' | 'write' | 'schema' | 'explain' | 'vacuum' }
  | { readonly kind: 'pragma'; readonly pragma: PragmaCall }
  | { readonly kind: 'transaction'; readonly control: TransactionVerb }
)

const WRITES: ReadonlySet<string> = new Set(['insert', 'replace', 'update', 'delete'])
const SCHEMA_CHANGES: ReadonlySet<string> = new Set(['create', 'drop', 'alter', 'reindex', 'analyze'])
const RESERVED_HINT = 'names that begin with tenax_ or end with _shadow are reserved'

const CONTROLS: ReadonlySet<string> = new Set(['begin', 'commit', 'end', 'rollback', 'savepoint', 'release'])

/**
 * Reads exactly one statement.
 *
 * @throws TenaxError `sql_error` (empty, several statements, NUL, illegal token), `sql_refused`, `sql_unsupported`
 */
export function parseStatement(source: string): ParsedStatement {
  const statements = parseTokens(source)
  const tokens = statements[0]
  if (tokens === undefined) throw sqlError('the text holds no statement')
  if (statements.length > 1)
    throw sqlError('the text holds more than one statement', 'send one statement at a time, or a script')
  return classify(source, tokens)
}

/** Splits a script into the source of each statement. Throws like {@link parseStatement}, but for emptiness. */
export function splitScript(source: string): string[] {
  return parseTokens(source).map((tokens) => sourceOf(source, tokens))
}

function parseTokens(source: string): Token[][] {
  if (source.length > SQL_BYTES_MAX || Buffer.byteLength(source) > SQL_BYTES_MAX) {
    throw sqlError(`the text is longer than ${SQL_BYTES_MAX} bytes`, 'pass data as arguments, or split the script')
  }
  if (source.includes('\0')) throw sqlError('the text holds a NUL character')
  const tokens = tokenize(source)
  const illegal = tokens.find((token) => token.type === 'illegal')
  if (illegal !== undefined) throw sqlError(`unrecognized token at offset ${illegal.startIndex}`)
  refuseTooDeep(tokens)
  return splitStatements(tokens)
}

/** The engine's parser recurses on its stack: 20,000 levels end the process. */
function refuseTooDeep(tokens: readonly Token[]): void {
  let depth = 0
  let selects = 0
  for (const token of tokens) {
    if (isSymbol(token, '(')) depth += 1
    if (isSymbol(token, ')')) depth -= 1
    if (isWord(token, 'select')) selects += 1
    if (depth > NESTING_MAX) throw sqlError(`the text nests parentheses deeper than ${NESTING_MAX}`)
    if (isSymbol(token, ';')) selects = 0
    if (selects > SELECTS_MAX) throw sqlError(`a statement has at most ${SELECTS_MAX} SELECTs`)
  }
}

function classify(source: string, tokens: readonly Token[]): ParsedStatement {
  const base = { text: sourceOf(source, tokens), tokens, parameters: readParameters(tokens) }
  const first = tokens[0]
  const word = first?.type === 'word' ? first.value : ''
  if (word === 'explain') return { ...base, kind: explainOf(source, tokens) }
  if (word === 'select' || word === 'values') return { ...base, kind: 'read' }
  if (word === 'with' && verbAfterWith(tokens) === 'read') return { ...base, kind: 'read' }
  if (word === 'with' || WRITES.has(word)) return { ...base, kind: write(tokens) }
  if (SCHEMA_CHANGES.has(word)) return { ...base, kind: schemaChange(tokens) }
  if (word === 'pragma') return { ...base, kind: 'pragma', pragma: readPragma(tokens) }
  if (CONTROLS.has(word)) return { ...base, kind: 'transaction', control: readControl(tokens) }
  if (word === 'vacuum') return { ...base, kind: vacuumOf(tokens) }
  if (word === 'attach' || word === 'detach') throw refused(`${word.toUpperCase()} is not allowed`)
  throw sqlError(`near "${first?.value ?? ''}": syntax error`)
}

function sourceOf(source: string, tokens: readonly Token[]): string {
  return source.slice(tokens[0]?.startIndex ?? 0, tokens.at(-1)?.endIndex ?? 0)
}

/**
 * EXPLAIN prints constants of the program as raw text, also those of views and defaults behind it; one that is no UTF-8
 * ends the process (decision 0002). EXPLAIN QUERY PLAN prints names only.
 */
function explainOf(source: string, tokens: readonly Token[]): 'explain' {
  if (!isWord(tokens[1], 'query') || !isWord(tokens[2], 'plan')) {
    throw refused('EXPLAIN is not allowed', 'use EXPLAIN QUERY PLAN')
  }
  const inner = tokens.slice(3)
  if (inner.length === 0) throw sqlError('EXPLAIN of nothing')
  if (inner.some((token) => token.type === 'blob'))
    throw refused('EXPLAIN of a statement with a blob literal is not allowed')
  const { kind } = classify(source, inner)
  if (kind !== 'read' && kind !== 'write') throw refused('only reads and writes can be explained')
  return 'explain'
}

function write(tokens: readonly Token[]): 'write' {
  const reserved = findReservedWrite(tokens)
  if (reserved !== undefined) throw refused(`"${reserved}" belongs to the engine`, RESERVED_HINT)
  return 'write'
}

function schemaChange(tokens: readonly Token[]): 'schema' {
  const second = tokens[1]
  if (isWord(second, 'temp') || isWord(second, 'temporary')) {
    throw refused('temporary objects are not allowed', 'create an ordinary table and drop it when done')
  }
  if (namesTemp(tokens)) throw refused('the temp schema is not allowed')
  const reserved = findReservedUse(tokens)
  if (reserved !== undefined) throw refused(`"${reserved}" belongs to the engine`, RESERVED_HINT)
  return 'schema'
}

/** True for CREATE VIEW. */
export function isCreateView({ tokens }: ParsedStatement): boolean {
  return isWord(tokens[0], 'create') && isWord(tokens[1], 'view')
}

/** CREATE … temp.name: TEMP by its other spelling. The name stands before the first parenthesis. */
function namesTemp(tokens: readonly Token[]): boolean {
  const head = tokens.findIndex((token) => isSymbol(token, '(') || isWord(token, 'as') || isWord(token, 'on'))
  return tokens
    .slice(0, head === -1 ? tokens.length : head)
    .some(
      (token, index) => isNameLike(token) && token.value.toLowerCase() === 'temp' && isSymbol(tokens[index + 1], '.'),
    )
}

/** WITH name [(columns)] AS [[NOT] MATERIALIZED] (…), …: the verb is the first word behind the last closing parenthesis. */
function verbAfterWith(tokens: readonly Token[]): 'read' | 'write' {
  let depth = 0
  for (const [index, token] of tokens.entries()) {
    if (isSymbol(token, '(')) depth += 1
    if (!isSymbol(token, ')')) continue
    depth -= 1
    const next = tokens[index + 1]
    if (depth > 0 || next?.type !== 'word') continue
    if (next.value === 'select' || next.value === 'values') return 'read'
    if (WRITES.has(next.value)) return 'write'
  }
  throw sqlError('WITH needs a SELECT, INSERT, UPDATE or DELETE behind it')
}

function vacuumOf(tokens: readonly Token[]): 'vacuum' {
  const plain =
    tokens.length === 1 || (tokens.length === 2 && isNameLike(tokens[1]) && tokens[1].value.toLowerCase() === 'main')
  if (!plain) throw refused('only plain VACUUM is allowed', 'GET /v1/tenants/:id/export makes a copy of the database')
  return 'vacuum'
}

function readControl(tokens: readonly Token[]): TransactionVerb {
  const words = tokens.map((token) => token.value.toLowerCase()).filter((word) => word !== 'transaction')
  const [verb, second, third] = words
  if (verb === 'begin' && words.length <= 2) return { verb: 'begin', mode: beginMode(second) }
  if ((verb === 'commit' || verb === 'end') && words.length === 1) return { verb: 'commit' }
  if (verb === 'rollback' && words.length === 1) return { verb: 'rollback' }
  const last = tokens.at(-1)
  if (isNameLike(last)) {
    const name = last.value
    if (verb === 'savepoint' && words.length === 2) return { verb, name }
    if (verb === 'release' && (words.length === 2 || (words.length === 3 && second === 'savepoint')))
      return { verb, name }
    const to = words.length === 3 || (words.length === 4 && third === 'savepoint')
    if (verb === 'rollback' && second === 'to' && to) return { verb: 'rollback_to', name }
  }
  throw sqlError(`near "${second ?? ''}": syntax error`)
}

function beginMode(word: string | undefined): 'deferred' | 'immediate' | 'readonly' {
  if (word === undefined || word === 'deferred' || word === 'concurrent') return 'deferred'
  if (word === 'immediate' || word === 'exclusive') return 'immediate'
  if (word === 'readonly') return 'readonly'
  throw sqlError(`near "${word}": syntax error`)
}
