/** Caps on files and functions, and names of files. */
import type { Finding } from './finding.ts'
import { functionSpans } from './function-spans.ts'
import type { SourceText } from './source-text.ts'

/** Longest source file, tests included: what a reader keeps in mind at once. */
export const FILE_LINES_MAX = 400

/** Longest body of a function, both braces included: one screen. */
export const FUNCTION_LINES_MAX = 70

const VAGUE_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'type', 'types'])

/** Findings about the length of a file and of its functions. */
export function checkCaps(source: SourceText): Finding[] {
  const { path, text } = source
  const findings: Finding[] = []
  const lineCount = text.replace(/\n$/, '').split('\n').length
  if (lineCount > FILE_LINES_MAX) {
    findings.push({
      path,
      line: FILE_LINES_MAX + 1,
      rule: `file of ${lineCount} lines`,
      instead: `split it by what its parts do; the cap is ${FILE_LINES_MAX} lines, and data goes to a data file`,
    })
  }
  for (const span of functionSpans(source)) {
    if (span.lineCount <= FUNCTION_LINES_MAX) continue
    findings.push({
      path,
      line: span.line,
      rule: `function of ${span.lineCount} lines`,
      instead: `split it: branch here, do straight work in smaller functions; the cap is ${FUNCTION_LINES_MAX} lines`,
    })
  }
  return findings
}

/** Findings about the name of a source file and of the folders it is in. */
export function checkFileName(path: string): Finding[] {
  const parts = path.split('/')
  const findings: Finding[] = []
  const add = (rule: string, instead: string) => findings.push({ path, line: 1, rule, instead })
  for (const part of parts) {
    const stem = part.split('.', 1)[0] ?? ''
    if (VAGUE_NAMES.has(stem)) add(`the name "${part}"`, 'name it after the one thing that it holds')
  }
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9-]+)+$/.test(parts.at(-1) ?? '')) {
    add('file name', 'files are kebab-case nouns, such as open-flight.ts')
  }
  return findings
}
