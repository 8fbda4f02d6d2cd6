/** Rules about package.json: names, the import table again, and versions that stand only in the catalog. */
import type { Finding } from './finding.ts'
import { IMPORT_TABLE, packageNamed, permission } from './import-table.ts'
import { type HouseFile, packageDirOf } from './places.ts'

/** The parts of a package.json that rules look at. */
export interface Manifest {
  readonly path: string
  readonly text: string
  readonly name: string
  readonly isPrivate: boolean
  /** Subpaths, such as `.` and `./contract`. */
  readonly exports: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** Reads a package.json; an empty part stands for one that is missing. */
export function parseManifest(file: HouseFile): Manifest {
  const json: unknown = JSON.parse(file.text)
  const part = (key: string): unknown => (isRecord(json) ? json[key] : undefined)
  const exported = part('exports')
  return {
    path: file.path,
    text: file.text,
    name: String(part('name') ?? ''),
    isPrivate: part('private') === true,
    exports: isRecord(exported) ? Object.keys(exported) : ['.'],
    dependencies: { ...texts(part('dependencies')), ...texts(part('peerDependencies')) },
    devDependencies: { ...texts(part('devDependencies')), ...texts(part('optionalDependencies')) },
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function texts(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(Object.entries(value).map(([name, version]) => [name, String(version)]))
}

/** Findings about one package.json. `imported` holds the packages that any file of this package imports. */
export function checkManifest(manifest: Manifest, imported: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = []
  const add = (entry: readonly [key: string, value: string], rule: string, instead: string) =>
    findings.push({ path: manifest.path, line: lineOf(manifest.text, entry), rule, instead })
  const dir = packageDirOf(manifest.path)
  if (dir !== undefined && packageNamed(dir) !== manifest.name) {
    add(
      ['name', manifest.name],
      `package ${manifest.name} in ${dir}`,
      'give it a row in the import table and in ARCHITECTURE.md',
    )
  }
  for (const entry of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    const [name, version] = entry
    const isOurs = name in IMPORT_TABLE
    const wanted = isOurs ? 'workspace:*' : 'catalog:'
    if (version !== wanted)
      add(entry, `version "${version}" of ${name}`, `write "${wanted}"; versions stand in the catalog`)
    if (!isOurs || dir === undefined) continue
    if (permission(manifest.name, name) === 'never') {
      add(entry, `${manifest.name} depends on ${name}`, 'the import table (ARCHITECTURE.md) has no such arrow')
    } else if (!imported.has(name)) {
      add(entry, `dependency ${name} that nothing imports`, 'remove it')
    }
  }
  return findings
}

function lineOf(text: string, [key, value]: readonly [key: string, value: string]): number {
  const entry = JSON.stringify({ [key]: value }).slice(1, -1)
  const line = text.split('\n').findIndex((each) => each.replaceAll(' ', '').includes(entry.replaceAll(' ', '')))
  return Math.max(line, 0) + 1
}
