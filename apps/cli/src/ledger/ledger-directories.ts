/** Where ledgers lie, and how one is read while a server appends to it and trims it. Nothing is changed. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CliError } from '../failure.ts'

/** One ledger's directory. */
export interface FoundLedger {
  /** The directory's own name, such as `00000007-<nonce>`. */
  readonly name: string
  readonly directory: string
}

/** Where to look. */
export interface LedgerPlaces {
  /** A data directory. */
  readonly dataDir: string
  /** A ledger's directory, or one that holds ledgers, such as a `quarantine` directory. It goes before `dataDir`. */
  readonly directory: string | undefined
}

/**
 * The ledgers there, oldest epoch first.
 *
 * @throws CliError `usage` when there is none
 */
export async function findLedgers({ dataDir, directory }: LedgerPlaces): Promise<readonly FoundLedger[]> {
  const root = directory ?? join(dataDir, 'ledgers')
  const names = await namesIn(root)
  if (names?.some((name) => name.endsWith('.seg'))) return [{ name: basename(root), directory: root }]
  const { parseLedgerDirectoryName } = await import('@tenax/ledger')
  const found = (names ?? []).filter((name) => parseLedgerDirectoryName(name) !== undefined).sort()
  if (found.length > 0) return found.map((name) => ({ name, directory: join(root, name) }))
  throw CliError.usage(`${root} holds no ledger`, 'name a data directory with --data, or a ledger with --dir')
}

async function namesIn(directory: string): Promise<string[] | undefined> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}

/** The id that the data directory has; undefined when it says none. */
export async function readDataId(dataDir: string): Promise<string | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(dataDir, 'tenax.json'), 'utf8'))
    return typeof value === 'object' && value !== null && 'dataId' in value ? String(value.dataId) : undefined
  } catch {
    return undefined // `tenax doctor` says what is wrong with it; the ledgers are read all the same
  }
}
