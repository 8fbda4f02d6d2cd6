/**
 * Rewrites a RETURNING clause so that each value leaves as one tagged BLOB (see `encoding.ts` for why). SQLite does not
 * let a statement that writes stand inside another, so the clause is split into its expressions and each is wrapped.
 */
import { taggedBlobOf } from './encoding.ts'
import { sqlError } from './refusal.ts'
import { isSymbol, isWord, type Token } from './tokens.ts'

/** What the rewrite needs: the statement's source and tokens, its parameter numbers, and the names of its columns. */
export interface ReturningSource {
  readonly text: string
  readonly tokens: readonly Token[]
  readonly numbers: readonly number[]
  readonly columnNames: readonly string[]
}

/** Index of the RETURNING keyword at the outer level, or -1. */
export function findReturning(tokens: readonly Token[]): number {
  let depth = 0
  for (const [index, token] of tokens.entries()) {
    if (isSymbol(token, '(')) depth += 1
    if (isSymbol(token, ')')) depth -= 1
    if (depth === 0 && isWord(token, 'returning') && !isSymbol(tokens[index - 1], '.')) return index
  }
  return -1
}

/** The statement with every returned value wrapped. Throws TenaxError `sql_error` when the clause cannot be read. */
export function rewriteReturning(source: ReturningSource): string {
  const at = findReturning(source.tokens)
  const clause = source.tokens[at]
  if (clause === undefined) throw sqlError('the statement returns nothing')
  refuseRandom(source.tokens.slice(at + 1))
  const items = splitItems(source.tokens.slice(at + 1))
  const numbers = numbersByToken(source)
  const stars = items.filter(isStar).length
  const starWidth = stars === 0 ? 0 : (source.columnNames.length - (items.length - stars)) / stars
  const expressions: string[] = []
  for (const item of items) {
    if (!isStar(item)) {
      expressions.push(expressionText(source, withoutAlias(item), numbers))
      continue
    }
    const names = source.columnNames.slice(expressions.length, expressions.length + starWidth)
    expressions.push(...names.map((name) => `"${name.replaceAll('"', '""')}"`))
  }
  if (expressions.length !== source.columnNames.length) throw unreadable()
  const start = source.tokens[0]?.startIndex ?? 0
  return `${source.text.slice(0, clause.endIndex - start)} ${expressions.map(taggedBlobOf).join(',')}`
}

function unreadable() {
  return sqlError('this RETURNING clause cannot be read', 'write AS in front of each alias')
}

function splitItems(tokens: readonly Token[]): Token[][] {
  const items: Token[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    if (isSymbol(token, '(')) depth += 1
    if (isSymbol(token, ')')) depth -= 1
    if (depth === 0 && isSymbol(token, ',')) items.push([])
    else items.at(-1)?.push(token)
  }
  return items
}

function isStar(item: readonly Token[]): boolean {
  return item.length === 1 && isSymbol(item[0], '*')
}

/** Words that end in front of a name without making it an alias: `x COLLATE nocase`, `NOT active`, `CASE WHEN a`. */
const OPERATORS: ReadonlySet<string> = new Set(
  'collate not and or in is like glob match regexp between escape case when then else distinct from all select where'.split(
    ' ',
  ),
)

function withoutAlias(item: readonly Token[]): readonly Token[] {
  if (isWord(item.at(-2), 'as')) return item.slice(0, -2)
  const last = item.at(-1)
  const before = item.at(-2)
  const named = last !== undefined && (last.type === 'word' || last.type === 'name' || last.type === 'string')
  if (!named || before === undefined || !endsValue(before)) return item
  const closes = last.type === 'word' && (last.value === 'end' || last.value === 'isnull' || last.value === 'notnull')
  return closes ? item : item.slice(0, -1)
}

function endsValue(token: Token): boolean {
  if (token.type === 'symbol') return token.value === ')'
  return token.type !== 'word' || !OPERATORS.has(token.value)
}

/** A returned expression is evaluated more than once, which only one that gives the same value each time bears. */
function refuseRandom(tokens: readonly Token[]): void {
  const random = tokens.find(
    (token, index) => (isWord(token, 'random') || isWord(token, 'randomblob')) && isSymbol(tokens[index + 1], '('),
  )
  if (random !== undefined) {
    throw sqlError(`RETURNING cannot call ${random.value}()`, 'store the value in a column, and return that')
  }
}

function numbersByToken({ tokens, numbers }: ReturningSource): ReadonlyMap<Token, number> {
  const variables = tokens.filter((token) => token.type === 'variable')
  return new Map(variables.map((token, index) => [token, numbers[index] ?? 0]))
}

/** The source of an expression with every `?` numbered, because the wrapped expression stands several times. */
function expressionText(
  source: ReturningSource,
  tokens: readonly Token[],
  numbers: ReadonlyMap<Token, number>,
): string {
  if (tokens.length === 0) throw unreadable()
  const start = source.tokens[0]?.startIndex ?? 0
  return tokens
    .map((token) => {
      if (token.type === 'variable' && token.value === '?') return `?${numbers.get(token)}`
      return source.text.slice(token.startIndex - start, token.endIndex - start)
    })
    .join(' ')
}
