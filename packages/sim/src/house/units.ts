/**
 * A number that is a time or a size carries its unit last: `idleMsMax`, `segmentBytes`. The rule looks only at names that
 * this code declares as numbers; keys of an object literal may be another library's options and are left alone. So are the
 * members that a driver declares: it spells the library below it as that library does.
 */
import type { Finding } from './finding.ts'
import { lineAt, type SourceText } from './source-text.ts'

const TIME_WORDS = new Set(
  'timeout delay interval ttl elapsed expiry deadline duration backoff latency lifetime uptime age'.split(' '),
)
const SIZE_WORDS = new Set(['size', 'capacity', 'quota', 'memory'])
const BOUND_WORDS = new Set(['max', 'min'])

const TYPED = /(?<![.\w$])#?([A-Za-z_$][\w$]*)\??\s*:\s*(?:number|bigint)\b(?!\s*\[)/g
const ASSIGNED = /(?<![.\w$])#?([A-Za-z_$][\w$]*)\s*=\s*-?\d/g

/** Findings about numbers without a unit, or with their words in the wrong order, in one source. */
export function checkUnits(source: SourceText): Finding[] {
  const findings: Finding[] = []
  const typed = source.path.includes('/drivers/') ? [] : source.code.matchAll(TYPED)
  for (const match of [...typed, ...source.code.matchAll(ASSIGNED)]) {
    const name = match[1] ?? ''
    const instead = insteadOf(name)
    if (instead === undefined) continue
    findings.push({ path: source.path, line: lineAt(source.text, match.index), rule: `the name ${name}`, instead })
  }
  return findings
}

function insteadOf(name: string): string | undefined {
  const words = wordsOf(name)
  const first = words[0] ?? ''
  if (words.length > 1 && BOUND_WORDS.has(first)) {
    return `biggest word first: put ${first} last, after the unit, as in segmentBytesMax`
  }
  const bounded = words.length > 1 && BOUND_WORDS.has(words.at(-1) ?? '')
  const last = (bounded ? words.at(-2) : words.at(-1)) ?? ''
  if (TIME_WORDS.has(last)) return `say the unit: ${last}Ms, or ${last}S where a protocol counts seconds`
  if (SIZE_WORDS.has(last) || (bounded && last === 'length')) return `say the unit: Bytes, Count, Rows or Pages`
  return undefined
}

/** The words of a camelCase or UPPER_CASE name, in lower case. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_$]+/)
    .filter((word) => word !== '')
}
