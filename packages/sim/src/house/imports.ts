/** Who imports whom: the import table, the borders of packages, the file system, and production dependencies. */
import { posix } from 'node:path'
import type { Finding } from './finding.ts'
import { IMPORT_TABLE, OWNED_EXTERNALS, packageNamed, permission } from './import-table.ts'
import type { Manifest } from './manifests.ts'
import { isK6, isTest, packageDirOf } from './places.ts'
import { lineAt, type SourceText } from './source-text.ts'

/** One import of a source. */
export interface ImportOf {
  readonly specifier: string
  readonly at: number
  /** `type` leaves nothing behind at run time; `lazy` is `import()`. */
  readonly kind: 'type' | 'static' | 'lazy'
}

const STATIC = /\b(?:import|export)\s+(type\s+(?=[{*\w]))?(?:[\w$\s{},*]*?\bfrom\s*)?(['"]) *\2/g
const LAZY = /\b(?:import|require|import\.meta\.resolve)\s*\(\s*(['"`]) *\1/g

/** Places that may touch the file system; none is a live tenant path outside `sqlite`. */
const FS_PLACES = [
  /^packages\/(?:sqlite|sim)\//,
  /^(?:apps|loadtest)\//,
  /^packages\/(?:ledger|blobstore)\/src\/drivers\//,
  /^packages\/tenancy\/src\/files(?:[^/]*\.ts$|\/)/,
  /^packages\/engine\/src\/watch\/stall-mark\.ts$/, // its thread must load nothing native
  /^packages\/host\/src\/(?:config|migrations)[^/]*\.ts$/,
]

/** Every import and re-export in `source`. */
export function importsOf(source: SourceText): ImportOf[] {
  const specifierEndingAt = (end: number): string => source.text.slice(0, end - 1).match(/[^'"`]*$/)?.[0] ?? ''
  const found: ImportOf[] = []
  for (const match of source.code.matchAll(STATIC)) {
    const specifier = specifierEndingAt(match.index + match[0].length)
    found.push({ specifier, at: match.index + match[0].length - 1, kind: match[1] === undefined ? 'static' : 'type' })
  }
  for (const match of source.code.matchAll(LAZY)) {
    const specifier = specifierEndingAt(match.index + match[0].length)
    found.push({ specifier, at: match.index, kind: 'lazy' })
  }
  return found
}

/** The package of a specifier: `@scope/name` or `name`, without its path. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Findings about the imports of one source. */
export function checkImports(source: SourceText, manifests: ReadonlyMap<string, Manifest>): Finding[] {
  const dir = packageDirOf(source.path)
  if (dir === undefined || isK6(source.path)) return []
  const from = packageNamed(dir)
  if (from === undefined) return []
  const findings: Finding[] = []
  for (const one of importsOf(source)) {
    const problem = problemOf(one, { path: source.path, dir, from, manifests })
    if (problem !== undefined) findings.push({ path: source.path, line: lineAt(source.text, one.at), ...problem })
  }
  return findings
}

interface Importer {
  readonly path: string
  readonly dir: string
  readonly from: string
  readonly manifests: ReadonlyMap<string, Manifest>
}

type Problem = Pick<Finding, 'rule' | 'instead'> | undefined

function problemOf(one: ImportOf, importer: Importer): Problem {
  if (one.specifier.startsWith('.')) return relativeProblem(one, importer)
  const name = packageOf(one.specifier)
  if (name in IMPORT_TABLE) return workspaceProblem(one, name, importer)
  return externalProblem(one, name, importer)
}

function relativeProblem(one: ImportOf, { path, dir }: Importer): Problem {
  const target = posix.join(posix.dirname(path), one.specifier)
  if (target.startsWith(`${dir}/`)) return undefined
  return {
    rule: `import of ${target}`,
    instead: 'import the other package by its name; its index.ts says what is public',
  }
}

function workspaceProblem(one: ImportOf, name: string, importer: Importer): Problem {
  const subpath = one.specifier.slice(name.length)
  if (subpath === '/contract' && isTest(importer.path)) return undefined
  const permitted = permission(importer.from, name)
  if (permitted === 'never') {
    return { rule: `${importer.from} imports ${name}`, instead: 'the import table (ARCHITECTURE.md) has no such arrow' }
  }
  if (permitted === 'lazily' && one.kind === 'static') {
    return {
      rule: `static import of ${name}`,
      instead: `write await import('${name}') where it is used, or import type`,
    }
  }
  if (!(importer.manifests.get(name)?.exports.includes(`.${subpath}`) ?? subpath === '')) {
    return { rule: `import of ${one.specifier}`, instead: `import ${name}; only what its index.ts exports is public` }
  }
  if (subpath === '/contract') {
    return { rule: `import of ${one.specifier}`, instead: 'contract suites are for tests only and are not published' }
  }
  return undeclared(one, name, importer)
}

function externalProblem(one: ImportOf, name: string, importer: Importer): Problem {
  const free = isTest(importer.path) || IMPORT_TABLE[importer.from]?.all === true
  const owned = OWNED_EXTERNALS.find((external) => external.name === one.specifier)
  if (owned !== undefined && !free && !owned.owners.includes(importer.from)) {
    return { rule: `import of ${one.specifier}`, instead: owned.why }
  }
  if (/^(?:node:)?fs(?:\/promises)?$/.test(one.specifier) && one.kind !== 'type' && !free && !mayUseFs(importer.path)) {
    return {
      rule: `import of ${one.specifier}`,
      instead: 'ask @tenax/sqlite for live tenant files, packages/tenancy/src/files*.ts for directories and uploads',
    }
  }
  if (/^(?:node:)?timers(?:\/promises)?$/.test(one.specifier)) {
    return { rule: `import of ${one.specifier}`, instead: "take a Clock and use its after() or kernel's sleep()" }
  }
  return name.startsWith('node:') ? undefined : undeclared(one, name, importer)
}

function mayUseFs(path: string): boolean {
  return FS_PLACES.some((place) => place.test(path))
}

/** What is published must find its imports where it is installed: in `dependencies`, not in the root or in a dev tool. */
function undeclared(one: ImportOf, name: string, { path, from, manifests }: Importer): Problem {
  const manifest = manifests.get(from)
  if (manifest === undefined || isTest(path) || name === from || name in manifest.dependencies) return undefined
  if (manifest.isPrivate && (name in manifest.devDependencies || path.endsWith('.test.ts'))) return undefined
  return { rule: `import of ${one.specifier}`, instead: `add ${name} to "dependencies" in ${manifest.path}` }
}
