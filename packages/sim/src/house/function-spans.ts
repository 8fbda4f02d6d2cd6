/**
 * Where the functions of a source begin and end, by pairing brackets. It sees declarations, methods and arrows with a
 * block body. The body of `describe` is a list of tests and not a function: it is left out, and its lines do not count
 * for the function around it either.
 */
import { lineAt, type SourceText } from './source-text.ts'

/** A function's body: the line of its opening brace and how many lines it has, both braces included. */
export interface FunctionSpan {
  readonly line: number
  readonly lineCount: number
}

interface Brackets {
  readonly code: string
  readonly closeOf: ReadonlyMap<number, number>
  readonly openOf: ReadonlyMap<number, number>
  /** The bracket around each opening bracket. */
  readonly parentOf: ReadonlyMap<number, number>
}

interface Lines {
  readonly first: number
  readonly last: number
}

const CLOSES: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await'])

/** Every function with a block body in `source`. */
export function functionSpans(source: SourceText): FunctionSpan[] {
  const brackets = pairBrackets(source.code)
  const bodies: Lines[] = []
  const suites: Lines[] = []
  for (const open of functionBodies(brackets)) {
    const close = brackets.closeOf.get(open) ?? source.code.length
    const lines = { first: lineAt(source.text, open), last: lineAt(source.text, close) }
    if (isSuite(brackets, open)) suites.push(lines)
    else bodies.push(lines)
  }
  return bodies.map((body) => ({ line: body.first, lineCount: ownLineCount(body, suites) }))
}

function ownLineCount(body: Lines, suites: readonly Lines[]): number {
  const inside = suites.filter((suite) => suite.first >= body.first && suite.last <= body.last)
  let lineCount = 0
  for (let line = body.first; line <= body.last; line++) {
    if (!inside.some((suite) => line >= suite.first && line <= suite.last)) lineCount++
  }
  return lineCount
}

function pairBrackets(code: string): Brackets {
  const closeOf = new Map<number, number>()
  const openOf = new Map<number, number>()
  const parentOf = new Map<number, number>()
  const open: number[] = []
  for (const match of code.matchAll(/[()[\]{}]/g)) {
    const at = match.index
    if (match[0] in CLOSES) {
      const parent = open.at(-1)
      if (parent !== undefined) parentOf.set(at, parent)
      open.push(at)
      continue
    }
    const last = open.at(-1)
    if (last === undefined || CLOSES[code.charAt(last)] !== match[0]) continue
    open.pop()
    closeOf.set(last, at)
    openOf.set(at, last)
  }
  return { code, closeOf, openOf, parentOf }
}

/** Offsets of the braces that open a function's body. */
function functionBodies(brackets: Brackets): Set<number> {
  const bodies = new Set<number>()
  for (const match of brackets.code.matchAll(/=>\s*\{/g)) bodies.add(match.index + match[0].length - 1)
  for (const [close, open] of brackets.openOf) {
    if (brackets.code.charAt(close) !== ')' || !namesFunction(brackets, open)) continue
    const body = bodyAfter(brackets, close)
    if (body !== undefined) bodies.add(body)
  }
  return bodies
}

/** Whether the parenthesis at `open` may hold parameters: not a condition, not an argument of a class's base. */
function namesFunction(brackets: Brackets, open: number): boolean {
  const head = brackets.code.slice(0, open).trimEnd()
  const word = /[\w$]+$/.exec(head)?.[0] ?? ''
  if (CONTROL.has(word)) return false
  return !/\bextends\s+[\w$.]*$/.test(head.slice(-200))
}

/** The opening brace of a body after the parameters that close at `close`, past a return type if there is one. */
function bodyAfter(brackets: Brackets, close: number): number | undefined {
  const { code } = brackets
  const next = skipSpace(code, close + 1)
  if (code.charAt(next) === '{') return next
  if (code.charAt(next) !== ':') return undefined
  return braceAfterType(brackets, next + 1)
}

/** Reads a type from `start` to the brace behind it; undefined when the text ends or turns out to be something else. */
function braceAfterType({ code, closeOf }: Brackets, start: number): number | undefined {
  let wantsOperand = true
  let angles = 0
  for (let at = start; at < code.length; at++) {
    const char = code.charAt(at)
    if (char === '{' && !wantsOperand && angles === 0) return at
    if (char in CLOSES) {
      at = closeOf.get(at) ?? code.length
      wantsOperand = false
    } else if (code.startsWith('=>', at)) {
      at++
      wantsOperand = true
    } else if (char === '<') angles++
    else if (char === '>') angles--
    else if (angles === 0 && /[;,)}\]=]/.test(char)) return undefined
    else if (char === '\n' && angles === 0 && !wantsOperand && !continuesType(code, at)) return undefined
    else if (char === '|' || char === '&') wantsOperand = true
    else if (/\S/.test(char))
      wantsOperand = /(?:\b(?:is|keyof|readonly|asserts|infer))$/.test(code.slice(at - 8, at + 1))
  }
  return undefined
}

function continuesType(code: string, newline: number): boolean {
  return /[|&{=]/.test(code.charAt(skipSpace(code, newline)))
}

function skipSpace(code: string, from: number): number {
  let at = from
  while (at < code.length && /\s/.test(code.charAt(at))) at++
  return at
}

/** Whether the body at `open` is the callback of a `describe`. */
function isSuite(brackets: Brackets, open: number): boolean {
  const parent = brackets.parentOf.get(open)
  if (parent === undefined || brackets.code.charAt(parent) !== '(') return false
  let head = brackets.code.slice(0, parent).trimEnd()
  while (head.endsWith(')')) head = head.slice(0, brackets.openOf.get(head.length - 1) ?? 0).trimEnd()
  return /\bdescribe(?:\.\w+)*$/.test(head)
}
