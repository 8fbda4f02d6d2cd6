/**
 * Which statements may run on the event loop at all. A timeout stops a statement between two steps of the engine, but a
 * function works inside one step, and its cost depends on its arguments: `instr` over two large blobs runs for minutes. So
 * only statements that call nothing but the functions below are ever tried there, in files whose definitions (triggers,
 * views, defaults, checks, generated columns, indexes) call nothing else either.
 */
import { asciiLowerCase, isSymbol, isWord, type Token } from './tokens.ts'

/** Functions whose cost does not grow with their arguments, or no faster than reading them. */
const CHEAP_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'count sum total avg min max abs coalesce ifnull nullif iif length octet_length typeof round sign changes total_changes ' +
    'last_insert_rowid random date time datetime julianday unixepoch strftime current_date current_time current_timestamp ' +
    'row_number rank dense_rank first_value last_value lag lead'
  ).split(' '),
)

/** Words that may stand in front of a parenthesis without calling anything. */
const SYNTAX: ReadonlySet<string> = new Set(
  (
    'in values from join on using select where and or not case when then else as key references exists over filter by having ' +
    'set returning union all except intersect limit offset distinct with recursive materialized unique primary check default ' +
    'generated always table index view trigger into conflict foreign constraint between is null collate update of if'
  ).split(' '),
)

/** Operators that are functions, and match in more than linear time; checks that read a whole file in one step. */
const COSTLY_WORDS: ReadonlySet<string> = new Set(
  'like glob match regexp virtual libsql_vector_idx integrity_check quick_check pragma_integrity_check pragma_quick_check'.split(
    ' ',
  ),
)

/** True when the text behind `tokens` calls nothing whose cost is not bounded by its steps. A column list looks like a call. */
export function isCheap(tokens: readonly Token[]): boolean {
  return tokens.every((token, index) => {
    if (token.type !== 'word' && token.type !== 'name') return !isSymbol(token, '->') && !isSymbol(token, '->>')
    if (COSTLY_WORDS.has(asciiLowerCase(token.value)) || takesWholeTable(tokens, index)) return false
    if (!isSymbol(tokens[index + 1], '(')) return true
    return (
      CHEAP_FUNCTIONS.has(token.value) ||
      (token.type === 'word' && SYNTAX.has(token.value)) ||
      namesTable(tokens, index)
    )
  })
}

/**
 * `count(*)` and `DELETE FROM t` without a WHERE visit every page of a table within one step: 0.2 s for 300 MB, and no
 * timeout is heard meanwhile. With any WHERE they go row by row.
 */
function takesWholeTable(tokens: readonly Token[], index: number): boolean {
  const [token, next] = [tokens[index], tokens[index + 1]]
  if (isWord(token, 'delete') && isWord(next, 'from')) return !hasWhere(tokens, index + 2)
  if (token?.value !== 'count' || !isSymbol(next, '(')) return false
  const end = isSymbol(tokens[index + 2], '*') ? index + 3 : index + 2
  return isSymbol(tokens[end], ')') && !hasWhere(tokens, end + 1)
}

/** True when the SELECT or DELETE that goes on at `index` has a WHERE of its own. */
function hasWhere(tokens: readonly Token[], index: number): boolean {
  let depth = 0
  for (const token of tokens.slice(index)) {
    if (isSymbol(token, '(')) depth += 1
    if (isSymbol(token, ')')) depth -= 1
    if (depth < 0 || isSymbol(token, ';')) return false
    if (depth === 0 && isWord(token, 'where')) return true
  }
  return false
}

/** `INSERT INTO t (a, b)`, `CREATE TABLE t (`, `CREATE INDEX i ON t (`, `REFERENCES t (`, `WITH c (`: no call. */
function namesTable(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]
  if (isSymbol(before, '.')) return namesTable(tokens, index - 2)
  if (before?.type !== 'word') return false
  return TABLE_FOLLOWS.has(before.value) || (before.value === 'on' && index - 1 === indexedOn(tokens))
}

const TABLE_FOLLOWS: ReadonlySet<string> = new Set([
  'into',
  'table',
  'references',
  'with',
  'recursive',
  'view',
  'exists',
])

/** Where a CREATE INDEX says ON; -1 in every other statement, whose ON may be followed by a call. */
function indexedOn(tokens: readonly Token[]): number {
  const isIndex = isWord(tokens[0], 'create') && (isWord(tokens[1], 'index') || isWord(tokens[2], 'index'))
  return isIndex ? tokens.findIndex((token) => isWord(token, 'on')) : -1
}
