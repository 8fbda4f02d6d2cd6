/**
 * What imports have made: files that are in no ledger before their first commit (LEDGER D3), so that a replay of the ledgers
 * cannot make them. A life keeps a copy of each for whoever replays what it has left.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from '@tenax/kernel'
import { tenantFiles } from './recovered-files.ts'

const BASES = 'bases'

/** Copies the file of `incarnation`, which nobody has written since its import. */
export function keepBase({ dataPath, keptPath }: { dataPath: string; keptPath: string }, incarnation: string): void {
  const file = tenantFiles(dataPath).find((one) => one.incarnation === incarnation)
  assert(file !== undefined, 'what was imported has a file')
  const path = join(keptPath, BASES, `${incarnation}.db`)
  mkdirSync(join(keptPath, BASES), { recursive: true })
  copyFileSync(file.path, `${path}.part`)
  renameSync(`${path}.part`, path)
}

/** The whole copies in `keptPath`. */
export function keptBases(keptPath: string): string[] {
  const directory = join(keptPath, BASES)
  const names = existsSync(directory) ? readdirSync(directory) : []
  return names.filter((name) => name.endsWith('.db')).map((name) => join(directory, name))
}
