/** All house rules over a whole tree. */
import { checkCaps, checkFileName } from './caps.ts'
import type { Finding } from './finding.ts'
import { checkImports, importsOf, packageOf } from './imports.ts'
import { checkText, checkTop } from './layout.ts'
import { checkManifest, type Manifest, parseManifest } from './manifests.ts'
import { type HouseFile, isSource, packageDirOf } from './places.ts'
import { type SourceText, scanSource } from './source-text.ts'
import { checkUnits } from './units.ts'
import { checkWords } from './words.ts'

/** Every broken rule in `files`, in the order of the files. */
export function checkHouse(files: readonly HouseFile[]): Finding[] {
  const sources = files.filter((file) => isSource(file.path)).map((file) => scanSource(file.path, file.text))
  const manifests = files.filter((file) => /(?:^|\/)package\.json$/.test(file.path)).map(parseManifest)
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]))
  return [
    ...checkTop(files.map((file) => file.path)),
    ...files.flatMap(checkText),
    ...manifests.flatMap((manifest) => checkManifest(manifest, importedBy(manifest, sources))),
    ...sources.flatMap((source) => checkSource(source, byName)),
  ]
}

function checkSource(source: SourceText, manifests: ReadonlyMap<string, Manifest>): Finding[] {
  return [
    ...checkFileName(source.path),
    ...checkCaps(source),
    ...checkImports(source, manifests),
    ...checkWords(source),
    ...checkUnits(source),
  ]
}

function importedBy(manifest: Manifest, sources: readonly SourceText[]): Set<string> {
  const dir = packageDirOf(manifest.path)
  const own = sources.filter((source) => packageDirOf(source.path) === dir)
  return new Set(own.flatMap((source) => importsOf(source).map((one) => packageOf(one.specifier))))
}
