/**
 * The import table of ARCHITECTURE.md as data. An arrow permits importing that package and all behind it. A package that is
 * missing here is refused: a new one gets its row here and in ARCHITECTURE.md together.
 */

/** A package of the workspace and what it may import. */
export interface PackageRow {
  readonly dir: string
  /** Packages that it may import; all that those may import too. */
  readonly arrows: readonly string[]
  /** Packages that it may import only while running, by `import()`, so that they cost nothing until needed. */
  readonly lazy?: readonly string[]
  /** True for the two packages that look at everything. */
  readonly all?: true
}

/** Every package by its name. */
export const IMPORT_TABLE: Readonly<Record<string, PackageRow>> = {
  '@tenax/kernel': { dir: 'packages/kernel', arrows: [] },
  '@tenax/sqlite': { dir: 'packages/sqlite', arrows: ['@tenax/kernel'] },
  '@tenax/ledger': { dir: 'packages/ledger', arrows: ['@tenax/kernel'] },
  '@tenax/blobstore': { dir: 'packages/blobstore', arrows: ['@tenax/kernel'] },
  '@tenax/workflow': { dir: 'packages/workflow', arrows: ['@tenax/kernel'] },
  '@tenax/protocol': { dir: 'packages/protocol', arrows: ['@tenax/kernel'] },
  '@tenax/tenancy': { dir: 'packages/tenancy', arrows: ['@tenax/sqlite', '@tenax/ledger', '@tenax/blobstore'] },
  '@tenax/engine': { dir: 'packages/engine', arrows: ['@tenax/tenancy', '@tenax/workflow'] },
  tenax: { dir: 'packages/host', arrows: ['@tenax/tenancy', '@tenax/protocol', '@tenax/engine'] },
  '@tenax/client': { dir: 'packages/client', arrows: ['@tenax/workflow', '@tenax/protocol'] },
  '@tenax/server': { dir: 'apps/server', arrows: ['tenax'] },
  '@tenax/cli': { dir: 'apps/cli', arrows: ['@tenax/client'], lazy: ['@tenax/server', 'tenax', '@tenax/ledger'] },
  '@tenax/dashboard': { dir: 'apps/dashboard', arrows: ['@tenax/client'] },
  '@tenax/sim': { dir: 'packages/sim', arrows: [], all: true },
  '@tenax/loadtest': { dir: 'loadtest', arrows: [], all: true },
}

/** Packages from outside that belong to one of ours. Tests are free; the `why` tells others what to use. */
export const OWNED_EXTERNALS: readonly {
  readonly name: string
  readonly owners: readonly string[]
  readonly why: string
}[] = [
  { name: 'libsql', owners: ['@tenax/sqlite'], why: 'open files through the port of @tenax/sqlite' },
  { name: 'node:sqlite', owners: ['@tenax/sqlite'], why: 'open files through the port of @tenax/sqlite' },
  { name: '@aws-sdk/client-s3', owners: ['@tenax/blobstore'], why: 'store blobs through the port of @tenax/blobstore' },
  { name: '@libsql/client', owners: [], why: 'import @libsql/client/http, which loads no native code' },
]

/** How a package may import another. */
export type Permission = 'always' | 'lazily' | 'never'

/** Whether the package `from` may import the package `to`. Nothing imports `sim` or `loadtest`. */
export function permission(from: string, to: string): Permission {
  const row = IMPORT_TABLE[from]
  const target = IMPORT_TABLE[to]
  if (row === undefined || target === undefined) return 'never'
  if (from === to) return 'always'
  if (target.all) return 'never'
  if (row.all || behind(from).has(to)) return 'always'
  return row.lazy?.includes(to) ? 'lazily' : 'never'
}

/** The packages behind the arrows of `name`. */
function behind(name: string): Set<string> {
  const seen = new Set<string>()
  const waiting = [...(IMPORT_TABLE[name]?.arrows ?? [])]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    waiting.push(...(IMPORT_TABLE[next]?.arrows ?? []))
  }
  return seen
}

/** The package whose directory is `dir`. */
export function packageNamed(dir: string | undefined): string | undefined {
  return Object.keys(IMPORT_TABLE).find((name) => IMPORT_TABLE[name]?.dir === dir)
}
