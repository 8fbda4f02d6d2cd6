/**
 * SQLite's tokens, read the way SQLite's own tokenizer reads them (https://www.sqlite.org/lang.html and `tokenize.c`):
 * every byte of a statement that the engine would see as code is seen as the same code here. Comments and white space
 * are dropped. The sandbox decides on tokens, never on raw text, so a comment or a quote cannot hide a word from it.
 */

/** What a token is. `name` is an identifier in any quoting; `string` may stand for an identifier too, in SQLite. */
export type TokenType = 'word' | 'name' | 'string' | 'number' | 'blob' | 'variable' | 'symbol' | 'illegal'

/** One token. `value` is a word in lower case, a name or string without its quotes, else the text itself. */
export interface Token {
  readonly type: TokenType
  readonly value: string
  readonly startIndex: number
  readonly endIndex: number
}

const PATTERN = new RegExp(
  [
    /(?<space>[ \t\n\f\r\ufeff]+|--[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?)/,
    /(?<blob>[xX]'[0-9a-fA-F]*')/,
    /(?<string>'(?:[^']|'')*')/,
    /(?<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])/,
    /(?<variable>\?[0-9]*|[:@$](?:::)*[A-Za-z0-9_$\u0080-\uffff](?:[A-Za-z0-9_$\u0080-\uffff]|::)*(?:\([^)\t-\r ]*\))?)/,
    /(?<number>0[xX][0-9a-fA-F_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)/,
    /(?<word>[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*)/,
    /(?<symbol>->>|->|\|\||<>|<=|>=|==|!=|<<|>>|[-+*/%(),;.<>=~&|])/,
    /(?<illegal>[\s\S])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
)

/** The tokens of `text`, in order, without comments and white space. Never throws: what is no token is `illegal`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const pattern = new RegExp(PATTERN)
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const groups = match.groups ?? {}
    const type = tokenType(groups)
    if (type === undefined) continue
    const source = match[0]
    tokens.push({
      type,
      value: tokenValue(type, source),
      startIndex: match.index,
      endIndex: match.index + source.length,
    })
  }
  return tokens
}

function tokenType(groups: Record<string, string | undefined>): TokenType | undefined {
  if (groups['word'] !== undefined) return 'word'
  if (groups['symbol'] !== undefined) return 'symbol'
  if (groups['space'] !== undefined) return undefined
  if (groups['number'] !== undefined) return 'number'
  if (groups['string'] !== undefined) return 'string'
  if (groups['variable'] !== undefined) return 'variable'
  if (groups['name'] !== undefined) return 'name'
  if (groups['blob'] !== undefined) return 'blob'
  return 'illegal'
}

function tokenValue(type: TokenType, source: string): string {
  if (type === 'word') return asciiLowerCase(source)
  if (type === 'string') return source.slice(1, -1).replaceAll("''", "'")
  if (type !== 'name') return source
  const quote = source.charAt(0)
  const inner = source.slice(1, -1)
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote)
}

/** Lower case as SQLite compares names: ASCII letters only, so that no look-alike folds into a keyword. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/**
 * Splits tokens into statements at each `;`. The body of a CREATE TRIGGER keeps its semicolons: it ends at `; END ;`, the
 * rule of SQLite's `sqlite3_complete()`. Empty statements are dropped.
 */
export function splitStatements(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = []
  let current: Token[] = []
  for (const token of tokens) {
    const ends = token.type === 'symbol' && token.value === ';' && !insideTrigger(current)
    if (!ends) {
      current.push(token)
      continue
    }
    if (current.length > 0) statements.push(current)
    current = []
  }
  if (current.length > 0) statements.push(current)
  return statements
}

function insideTrigger(statement: readonly Token[]): boolean {
  if (!isCreateTrigger(statement)) return false
  const last = statement.at(-1)
  const before = statement.at(-2)
  return !(last?.type === 'word' && last.value === 'end' && before?.value === ';')
}

function isCreateTrigger(statement: readonly Token[]): boolean {
  let index = 0
  if (isWord(statement[index], 'explain')) {
    index += 1
    if (isWord(statement[index], 'query')) index += 2
  }
  if (!isWord(statement[index], 'create')) return false
  index += 1
  if (isWord(statement[index], 'temp') || isWord(statement[index], 'temporary')) index += 1
  return isWord(statement[index], 'trigger')
}

/** True when `token` is the keyword `word` (given in lower case), unquoted. */
export function isWord(token: Token | undefined, word: string): boolean {
  return token !== undefined && token.type === 'word' && token.value === word
}

/** True when `token` is the symbol `symbol`. */
export function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token !== undefined && token.type === 'symbol' && token.value === symbol
}

/** True when `token` can name a thing: an identifier in any quoting, or a string in an identifier's place. */
export function isNameLike(token: Token | undefined): token is Token {
  return token !== undefined && (token.type === 'word' || token.type === 'name' || token.type === 'string')
}
