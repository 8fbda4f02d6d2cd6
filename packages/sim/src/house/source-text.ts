/**
 * A source split into code, comments and literals, so that a rule about code is not fooled by text that merely looks like
 * it. TypeScript 7 has no API for JavaScript, so this is a scanner of our own: it knows comments, strings, nested
 * templates and regular expressions, and nothing else. All views keep every offset and line of the original.
 */

/** The contents of a string, or of a template up to its next `${`. */
export interface Literal {
  readonly at: number
  readonly value: string
}

/** One source in the views that rules look at. */
export interface SourceText {
  readonly path: string
  readonly text: string
  /** The text with comments, regular expressions and the contents of strings replaced by spaces; quotes remain. */
  readonly code: string
  /** The text with everything but comments replaced by spaces. */
  readonly comments: string
  readonly literals: readonly Literal[]
}

type PieceKind = 'code' | 'comment' | 'string' | 'template' | 'regex'

interface Piece {
  readonly kind: PieceKind
  readonly start: number
  readonly end: number
}

/** Words after which a slash begins a regular expression. */
const BEFORE_REGEX = new Set(
  'return typeof case in of delete void throw new do else yield await instanceof default'.split(' '),
)

/** Splits `text`. It never fails: what it does not understand stays code. */
export function scanSource(path: string, text: string): SourceText {
  const code: string[] = []
  const comments: string[] = []
  const literals: Literal[] = []
  for (const piece of pieces(text)) {
    const raw = text.slice(piece.start, piece.end)
    comments.push(piece.kind === 'comment' ? raw : blank(raw))
    code.push(codeView(piece.kind, raw))
    if (piece.kind === 'string' || piece.kind === 'template') {
      literals.push({ at: piece.start, value: raw.slice(1).replace(/(?:\$\{|['"`])$/, '') })
    }
  }
  return { path, text, code: code.join(''), comments: comments.join(''), literals }
}

/** The line of an offset; the first is 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

function blank(raw: string): string {
  return raw.replace(/[^\n]/g, ' ')
}

/** Keeps quotes, and the braces of template expressions, so that brackets still pair. */
function codeView(kind: PieceKind, raw: string): string {
  if (kind === 'code') return raw
  if (kind === 'comment' || kind === 'regex' || raw.length < 2) return blank(raw)
  return raw.slice(0, 1) + blank(raw.slice(1, -1)) + raw.slice(-1)
}

function* pieces(text: string): Generator<Piece> {
  const templateDepths: number[] = []
  let depth = 0
  let before = ''
  let at = 0
  while (at < text.length) {
    const char = text.charAt(at)
    const resumes = char === '}' && templateDepths.at(-1) === depth
    if (resumes) templateDepths.pop()
    const piece = resumes ? templateAt(text, at) : pieceAt(text, at, before)
    yield piece
    const raw = text.slice(at, piece.end)
    if (piece.kind === 'template' && raw.endsWith('${')) templateDepths.push(depth)
    if (piece.kind === 'code' && char === '{') depth++
    if (piece.kind === 'code' && char === '}') depth--
    before = nextBefore(piece.kind, raw, before)
    at = piece.end
  }
}

/** The last thing that counts before a slash: a word, a sign, or `0` for any literal. An open `${` counts as a sign. */
function nextBefore(kind: PieceKind, raw: string, before: string): string {
  if (kind === 'comment' || raw.trim() === '') return before
  if (kind === 'code') return raw
  return raw.endsWith('${') ? '{' : '0'
}

function pieceAt(text: string, at: number, before: string): Piece {
  const char = text.charAt(at)
  const pair = text.slice(at, at + 2)
  if (pair === '//' || (at === 0 && pair === '#!')) return until(text, { kind: 'comment', at, mark: '\n', keep: false })
  if (pair === '/*') return until(text, { kind: 'comment', at, mark: '*/', keep: true })
  if (char === '"' || char === "'") return stringAt(text, at)
  if (char === '`') return templateAt(text, at)
  if (char === '/' && regexMayFollow(before)) return regexAt(text, at)
  const run = /^(?:[\w$]+|\s+)/.exec(text.slice(at, at + 200))?.[0]
  return { kind: 'code', start: at, end: at + (run?.length ?? 1) }
}

function until(text: string, to: { kind: PieceKind; at: number; mark: string; keep: boolean }): Piece {
  const found = text.indexOf(to.mark, to.at + 2)
  const end = found === -1 ? text.length : found + (to.keep ? to.mark.length : 0)
  return { kind: to.kind, start: to.at, end }
}

function regexMayFollow(before: string): boolean {
  if (/^[\w$]+$/.test(before)) return BEFORE_REGEX.has(before)
  return before !== ')' && before !== ']' && before !== '}'
}

/** A string ends at its quote or, since none spans lines, at the end of the line. */
function stringAt(text: string, at: number): Piece {
  const quote = text.charAt(at)
  let end = at + 1
  while (end < text.length && text.charAt(end) !== quote && text.charAt(end) !== '\n') {
    end += text.charAt(end) === '\\' ? 2 : 1
  }
  return { kind: 'string', start: at, end: Math.min(end + (text.charAt(end) === quote ? 1 : 0), text.length) }
}

/** From a backtick, or from the brace that closes an expression, to the next backtick or `${`. */
function templateAt(text: string, at: number): Piece {
  let end = at + 1
  while (end < text.length) {
    if (text.charAt(end) === '`') return { kind: 'template', start: at, end: end + 1 }
    if (text.startsWith('${', end)) return { kind: 'template', start: at, end: end + 2 }
    end += text.charAt(end) === '\\' ? 2 : 1
  }
  return { kind: 'template', start: at, end: text.length }
}

function regexAt(text: string, at: number): Piece {
  let inClass = false
  for (let end = at + 1; end < text.length; end++) {
    const char = text.charAt(end)
    if (char === '\n') break
    if (char === '\\') end++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) {
      const flags = /^[a-z]*/.exec(text.slice(end + 1, end + 12))?.[0] ?? ''
      return { kind: 'regex', start: at, end: end + 1 + flags.length }
    }
  }
  return { kind: 'code', start: at, end: at + 1 }
}
