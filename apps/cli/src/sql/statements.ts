/**
 * Where one SQL statement ends and the next begins: SQLite's own rule, the state machine of `sqlite3_complete()`
 * (https://sqlite.org/src/file/src/complete.c). A semicolon ends a statement, but not in a string, a name or a comment,
 * and not in the body of CREATE TRIGGER, which ends with `;` `END` `;`.
 */

/** A text cut into statements. */
export interface SplitSql {
  /** Complete statements, each without its semicolon and without the space around it. */
  readonly statements: readonly string[]
  /** What follows the last complete statement; empty when that is space and comments only. */
  readonly rest: string
}

type Token = 'semicolon' | 'space' | 'other' | 'explain' | 'create' | 'temp' | 'trigger' | 'end'
type State = 'start' | 'normal' | 'explain' | 'create' | 'trigger' | 'semicolon' | 'end'

/** What a token makes of a state. A token that is not named leads to `other`; `space` changes nothing. */
const NEXT: Readonly<Record<State, Readonly<Partial<Record<Token, State>> & { readonly other: State }>>> = {
  start: { semicolon: 'start', other: 'normal', explain: 'explain', create: 'create' },
  normal: { semicolon: 'start', other: 'normal' },
  explain: { semicolon: 'start', other: 'explain', create: 'create', temp: 'normal', trigger: 'normal', end: 'normal' },
  create: { semicolon: 'start', other: 'normal', temp: 'create', trigger: 'trigger' },
  trigger: { semicolon: 'semicolon', other: 'trigger' },
  semicolon: { semicolon: 'semicolon', other: 'trigger', end: 'end' },
  end: { semicolon: 'start', other: 'trigger' },
}

const KEYWORDS: Readonly<Record<string, Token>> = {
  explain: 'explain',
  create: 'create',
  temp: 'temp',
  temporary: 'temp',
  trigger: 'trigger',
  end: 'end',
}

/** A token from where the last one ended. An opened string or block comment that nobody closes goes to the end. */
const TOKEN = new RegExp(
  [
    '(?<semicolon>;)',
    String.raw`(?<space>\s+|--[^\n]*|/\*[\s\S]*?(?:\*/|$))`,
    String.raw`'[^']*(?:'|$)|"[^"]*(?:"|$)|${'`'}[^${'`'}]*(?:${'`'}|$)|\[[^\]]*(?:\]|$)`,
    String.raw`(?<word>[\w$\u0080-\uffff]+)`,
    String.raw`[\s\S]`,
  ].join('|'),
  'y',
)

/** Cuts `text` at the semicolons that end statements. Statements of nothing but comments are left out. */
export function splitStatements(text: string): SplitSql {
  const statements: string[] = []
  const scanner = new RegExp(TOKEN)
  let state: State = 'start'
  let start = 0
  let isEmpty = true
  for (let match = scanner.exec(text); match !== null; match = scanner.exec(text)) {
    const token = tokenOf(match)
    if (token === 'space') continue
    state = NEXT[state][token] ?? NEXT[state].other
    if (token !== 'semicolon') isEmpty = false
    if (state !== 'start') continue
    if (!isEmpty) statements.push(text.slice(start, match.index).trim())
    start = scanner.lastIndex
    isEmpty = true
  }
  return { statements, rest: isEmpty ? '' : text.slice(start).trim() }
}

function tokenOf({ groups }: RegExpExecArray): Token {
  if (groups?.['semicolon'] !== undefined) return 'semicolon'
  if (groups?.['space'] !== undefined) return 'space'
  const word = groups?.['word']?.toLowerCase() ?? ''
  return Object.hasOwn(KEYWORDS, word) ? (KEYWORDS[word] ?? 'other') : 'other'
}
