/**
 * Words that this code does not use, each with what to write instead. A new row needs nothing but a pattern and a
 * replacement; a bad sample beside it in words.test.ts shows that it bites.
 */
import type { Finding } from './finding.ts'
import { isK6, isTest } from './places.ts'
import { lineAt, type SourceText } from './source-text.ts'

/** One banned word. */
export interface WordRule {
  readonly rule: string
  readonly pattern: RegExp
  /** Which view of the source the pattern looks at. Default `code`. */
  readonly view?: 'code' | 'comments' | 'literals'
  /** Places where the word is at home. */
  readonly home?: (path: string) => boolean
  readonly instead: string
}

const CLOCK = (path: string): boolean => path === 'packages/kernel/src/clock.ts' || isK6(path)
const LOADTEST = (path: string): boolean => path.startsWith('loadtest/')

const TYPE_RULES: readonly WordRule[] = [
  {
    rule: 'any',
    pattern: /\bas any\b|<any>|:\s*any\b|\bany\[\]/g,
    instead: 'take unknown and parse it into a domain type at the door',
  },
  { rule: 'double cast', pattern: /\bas unknown as\b/g, instead: 'check the value and let the check narrow it' },
  {
    rule: 'silenced compiler or linter',
    pattern: /@ts-(?:ignore|expect-error|nocheck)|biome-ignore|eslint-disable/g,
    view: 'comments',
    instead: 'fix what it complains about; change the rule for all if it is wrong',
  },
  { rule: 'export *', pattern: /\bexport\s*\*/g, instead: 'list the exports by name' },
  { rule: 'enum', pattern: /\benum\s+[\w$]/g, instead: "write a union: type State = 'warm' | 'archived'" },
]

const PLATFORM_RULES: readonly WordRule[] = [
  {
    rule: 'wall clock',
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)/g,
    home: CLOCK,
    instead: 'take a Clock and ask nowMs()',
  },
  {
    rule: 'monotonic clock',
    pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/g,
    home: (path) => CLOCK(path) || LOADTEST(path),
    instead: 'take a Clock and ask monotonicMs()',
  },
  { rule: 'Math.random', pattern: /\bMath\.random\b/g, home: isK6, instead: 'take a RandomId or a seeded generator' },
  {
    rule: 'timer',
    pattern: /(?:(?<![.\w$])|\bglobalThis\.)set(?:Timeout|Interval)\s*\(/g,
    home: CLOCK,
    instead: "take a Clock and use its after(); a test waits for an event, or for kernel's sleep()",
  },
  {
    rule: 'process.env',
    pattern: /\bprocess\.env\b/g,
    // native-threads.ts sets TOKIO_WORKER_THREADS, which libsql reads once, while it loads; vitest.config.ts has the settings
    // of tests, which take them by inject().
    home: (path) =>
      /^(?:apps\/[^/]+|loadtest)\/src\/settings\.ts$|^packages\/sqlite\/src\/native-threads\.ts$|^vitest\.config\.ts$/.test(
        path,
      ),
    instead: "take a setting as an argument; only an app's src/settings.ts reads the environment",
  },
  {
    rule: 'process.exit',
    pattern: /\bprocess\.exit\b/g,
    home: (path) => path.startsWith('apps/'),
    instead: 'throw, or set process.exitCode in a program; a library never ends the process',
  },
  {
    rule: 'console',
    pattern: /(?<![.\w$])console\./g,
    home: (path) => path.startsWith('apps/cli/') || LOADTEST(path),
    instead: 'take a logger; a child of a test writes to process.stdout',
  },
  {
    rule: 'transaction in SQL',
    pattern:
      /(?:^|;)\s*(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b|^\s*(?:begin|commit|rollback)\s+(?:immediate|deferred|exclusive|transaction|to)\b/g,
    view: 'literals',
    home: (path) => /^packages\/(?:sqlite|sim)\//.test(path) || LOADTEST(path) || isTest(path),
    instead: "use the transaction verbs of @tenax/sqlite's port",
  },
]

const VOCABULARY_RULES: readonly WordRule[] = [
  {
    rule: 'namespace',
    pattern: /[\w$]*namespace[\w$]*/gi,
    instead: 'say tenant; a module is the only grouping of code',
  },
  {
    rule: 'another word for tenant',
    pattern: /\b[\w$]*(?:customer|workspaceId|orgId|organi[sz]ationId)[\w$]*/gi,
    home: isTest,
    instead: 'say tenant, tenantId',
  },
  {
    rule: 'another word for position',
    pattern: /\b(?:snapshotId|walOffsetId|sequenceNumber|seqNo)\b/gi,
    instead: 'say lsn, or position for (incarnation, lineage, LSN)',
  },
  {
    rule: 'open promise',
    pattern: /\b(?:TODO|FIXME|XXX)\b/g,
    view: 'comments',
    instead: 'do it, or open an issue and say nothing here',
  },
]

const TEST_RULES: readonly WordRule[] = [
  {
    rule: 'test left out',
    pattern: /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo)\b\s*[(.`]/g,
    home: (path) => !isTest(path),
    instead: 'run it or delete it; skipIf(condition) says why a machine cannot run it',
  },
  {
    rule: 'test of nothing',
    pattern: /\bexpect\(\s*(?:true|false|\d+|'\s*')\s*\)/g,
    instead: 'expect something of a value that the code under test made',
  },
  {
    rule: 'mock',
    pattern: /\bvi\.(?:mock|doMock|useFakeTimers)\b/g,
    instead: 'pass a fake that passes the contract suite, or a ManualClock',
  },
  {
    rule: 'swallowed error',
    pattern: /\bcatch\s*(?:\([^()]*\)\s*)?\{\s*\}|\.catch\(\s*(?:async\s*)?\(\s*\w*\s*\)\s*=>\s*\{\s*\}\s*\)/g,
    instead: 'handle it or rethrow it; a comment is not handling',
  },
]

/** All banned words. */
export const WORD_RULES: readonly WordRule[] = [...TYPE_RULES, ...PLATFORM_RULES, ...VOCABULARY_RULES, ...TEST_RULES]

/** Findings about banned words in one source. */
export function checkWords(source: SourceText, rules: readonly WordRule[] = WORD_RULES): Finding[] {
  const findings: Finding[] = []
  for (const { rule, pattern, view = 'code', home, instead } of rules) {
    if (home?.(source.path)) continue
    for (const at of offsetsOf(source, pattern, view)) {
      findings.push({ path: source.path, line: lineAt(source.text, at), rule, instead })
    }
  }
  return findings
}

function offsetsOf(source: SourceText, pattern: RegExp, view: 'code' | 'comments' | 'literals'): number[] {
  if (view !== 'literals') return [...source[view].matchAll(pattern)].map((match) => match.index)
  return source.literals.filter((literal) => literal.value.search(pattern) !== -1).map((literal) => literal.at)
}
