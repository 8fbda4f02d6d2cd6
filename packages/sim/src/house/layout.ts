/** What lies at the top of the tree, and what no committed text may name. */
import type { Finding } from './finding.ts'
import { type HouseFile, isTest } from './places.ts'
import { lineAt } from './source-text.ts'

/** Everything at the top, besides dot files. */
export const TOP_ENTRIES: ReadonlySet<string> = new Set([
  'apps',
  'packages',
  'infra',
  'loadtest',
  'docs',
  'turbo.json',
  'pnpm-workspace.yaml',
  'pnpm-lock.yaml',
  'package.json',
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'biome.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'vitest.config.ts',
  'tenax.config.ts',
])

/** Findings about entries at the top of the tree. */
export function checkTop(paths: readonly string[]): Finding[] {
  const tops = new Map(paths.map((path) => [path.split('/', 1)[0] ?? '', path]))
  return [...tops]
    .filter(([top]) => !top.startsWith('.') && !TOP_ENTRIES.has(top))
    .map(([top, path]) => ({
      path,
      line: 1,
      rule: `"${top}" at the top`,
      instead: 'move it into apps, packages, infra, loadtest or docs',
    }))
}

const TEXT_RULES: readonly { readonly rule: string; readonly pattern: RegExp; readonly instead: string }[] = [
  {
    rule: 'package registry host',
    pattern: /\bregistry\.(?:[a-z0-9-]+\.)+[a-z]{2,}|\bnpm\.pkg\.github\.com|\btarball: *https?:/g,
    instead: 'name the package only; the reader has a registry of their own',
  },
  {
    rule: "path of somebody's machine",
    pattern: /(?<![\w.@:/$}~-])\/(?:work|root|home|tmp)\/[\w.$*-]/g,
    instead: 'write a relative path; code asks os.tmpdir()',
  },
]

/** Findings about the text of any committed file that is not a test's. */
export function checkText({ path, text }: HouseFile): Finding[] {
  if (isTest(path)) return []
  return TEXT_RULES.flatMap(({ rule, pattern, instead }) =>
    [...text.matchAll(pattern)].map((match) => ({ path, line: lineAt(text, match.index), rule, instead })),
  )
}
