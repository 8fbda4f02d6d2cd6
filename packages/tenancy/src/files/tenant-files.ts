/** Making and removing the files of a tenant: never while they are live (a live file is `sqlite`'s alone). */
import { linkSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { parseIncarnation } from '@tenax/kernel'
import { syncDirectory } from '@tenax/sqlite'
import type { Layout, TenantFileName } from './layout.ts'

/**
 * Writes a new tenant file from the bytes of a template, durably: file, directory, and the directory's own name. Off the
 * event loop, because each of the three waits for the disk. A crash leaves the whole file or none under its path.
 */
export async function createTenantFile(
  layout: Layout,
  shard: number,
  name: TenantFileName,
  template: Uint8Array,
): Promise<void> {
  await makeTenantDirectory(layout, shard, name)
  const path = layout.tenantFile(shard, name)
  const file = await open(`${path}.new`, 'wx', 0o600)
  try {
    await file.writeFile(template)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncOffLoop(layout.tenantDirectory(shard, name.incarnation))
}

/** Makes the directory that a new file goes into, durably. */
export async function makeTenantDirectory(layout: Layout, shard: number, name: TenantFileName): Promise<void> {
  await mkdir(layout.tenantDirectory(shard, name.incarnation), { recursive: true, mode: 0o700 })
  await syncOffLoop(layout.shard(shard))
}

async function syncOffLoop(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Removes a tenant's files and their directory. What is not there any more is fine: the verb may be repeated. */
export function removeTenantFiles(layout: Layout, shard: number, incarnation: string): void {
  rmSync(layout.tenantDirectory(shard, incarnation), { recursive: true, force: true })
  syncDirectory(layout.shard(shard))
}

/** When a tenant's file was last used and closed, as its own time of change says; undefined when it is not there. */
export function idleSinceMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

/** What the files of a shard's directory are to be like. */
export interface NamedFiles {
  /** File name by incarnation. */
  readonly files: ReadonlyMap<string, string>
  /** Incarnations that have no file here, but what was set aside of them. */
  readonly archived: ReadonlySet<string>
  /** Incarnations whose logs are worth nothing, because a ledger has what counts of them. */
  readonly withoutLogs: (incarnation: string) => boolean
}

/** Removes what no catalog row names: left over by a crash between a catalog commit and the removal behind it. */
export function removeUnnamedFiles(layout: Layout, shard: number, named: NamedFiles): number {
  let removed = 0
  for (const entry of readdirSync(layout.shard(shard), { withFileTypes: true })) {
    if (!entry.isDirectory() || parseIncarnation(entry.name) === undefined) continue
    const file = named.files.get(entry.name)
    if (named.archived.has(entry.name)) removed += removeFileless(layout, shard, entry.name)
    else if (file !== undefined) {
      const directory = layout.tenantDirectory(shard, entry.name)
      if (named.withoutLogs(entry.name)) removeLog(join(directory, `${file}.db`))
      removed += removeStrayFiles(directory, file)
    } else {
      removeTenantFiles(layout, shard, entry.name)
      removed += 1
    }
  }
  return removed
}

/** Beside a quarantined tenant's file: the entries that the ledger had of it (LEDGER K3). */
export const QUARANTINE_DIRECTORY = 'quarantine'

/** Removes the log and its index beside a file that nobody has open. */
export function removeLog(path: string): void {
  for (const suffix of ['-wal', '-shm', '-wal.new']) rmSync(`${path}${suffix}`, { force: true })
}

/** Removes the file of a tenant that is in object storage, and its directory unless something was set aside in it. */
export function removeArchivedFile(layout: Layout, shard: number, { incarnation, file }: TenantFileName): void {
  const path = layout.tenantFile(shard, { incarnation, file })
  removeLog(path)
  rmSync(path, { force: true })
  removeFileless(layout, shard, incarnation)
}

/**
 * Gives the file of a stopped tenant, which is about to be replaced, second names among what is set aside of it, durably. What
 * it is like does not matter: nothing of it is read. A file that is not there is fine.
 */
export function keepStopped(layout: Layout, shard: number, { incarnation, file }: TenantFileName): void {
  const directory = layout.tenantDirectory(shard, incarnation)
  const aside = join(directory, QUARANTINE_DIRECTORY)
  const names = [`${file}.db`, `${file}.db-wal`].filter(
    (name) => statSync(join(directory, name), MAY_LACK) !== undefined,
  )
  if (names.length === 0) return
  mkdirSync(aside, { recursive: true, mode: 0o700 })
  for (const name of names) {
    rmSync(join(aside, name), { force: true }) // of a try before
    linkSync(join(directory, name), join(aside, name))
  }
  syncDirectory(aside)
  syncDirectory(directory)
}

/** Takes the second names back: the file goes on to be the tenant's, and has one name then, as its log does. */
export function forgetKept(layout: Layout, shard: number, { incarnation, file }: TenantFileName): void {
  forgetKeptIn(layout.tenantDirectory(shard, incarnation), file)
}

function forgetKeptIn(directory: string, file: string): void {
  for (const suffix of ['', '-wal'])
    rmSync(join(directory, QUARANTINE_DIRECTORY, `${file}.db${suffix}`), { force: true })
}

const MAY_LACK = { throwIfNoEntry: false } as const

/** Removes a file that the catalog names no more, with its log. */
export function removeReplacedFile(layout: Layout, shard: number, name: TenantFileName): void {
  const path = layout.tenantFile(shard, name)
  removeLog(path)
  rmSync(path, { force: true })
}

/** Leaves only what was set aside, and the directory only if there is something. Gives how many entries were removed. */
function removeFileless(layout: Layout, shard: number, incarnation: string): number {
  const directory = layout.tenantDirectory(shard, incarnation)
  const entries = readdirSync(directory)
  const waste = entries.filter((name) => name !== QUARANTINE_DIRECTORY)
  for (const name of waste) rmSync(join(directory, name), { recursive: true, force: true })
  if (waste.length === entries.length) removeTenantFiles(layout, shard, incarnation)
  return waste.length
}

function removeStrayFiles(directory: string, file: string): number {
  forgetKeptIn(directory, file) // of a restore that was cut short
  const keep = new Set([`${file}.db`, `${file}.db-wal`, `${file}.db-shm`, QUARANTINE_DIRECTORY])
  const stray = readdirSync(directory).filter((name) => !keep.has(name))
  for (const name of stray) rmSync(join(directory, name), { recursive: true, force: true })
  return stray.length
}
