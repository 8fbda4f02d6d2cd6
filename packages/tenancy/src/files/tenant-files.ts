/** Making and removing the files of a tenant: never while they are live (a live file is `sqlite`'s alone). */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseIncarnation } from '@tenax/kernel'
import { syncDirectory, writeNewFile } from '@tenax/sqlite'
import type { Layout, TenantFileName } from './layout.ts'

/** Writes a new tenant file from the bytes of a template, durably: file, directory, and the directory's own name. */
export function createTenantFile(layout: Layout, shard: number, name: TenantFileName, template: Uint8Array): void {
  makeTenantDirectory(layout, shard, name)
  writeNewFile(layout.tenantFile(shard, name), template)
}

/** Makes the directory that a new file goes into, durably. */
export function makeTenantDirectory(layout: Layout, shard: number, name: TenantFileName): void {
  mkdirSync(layout.tenantDirectory(shard, name.incarnation), { recursive: true, mode: 0o700 })
  syncDirectory(layout.shard(shard))
}

/** Removes a tenant's files and their directory. What is not there any more is fine: the verb may be repeated. */
export function removeTenantFiles(layout: Layout, shard: number, incarnation: string): void {
  rmSync(layout.tenantDirectory(shard, incarnation), { recursive: true, force: true })
  syncDirectory(layout.shard(shard))
}

/** Removes what no catalog row names: left over by a crash between a catalog commit and the removal behind it. */
export function removeUnnamedFiles(layout: Layout, shard: number, named: ReadonlyMap<string, string>): number {
  let removed = 0
  for (const entry of readdirSync(layout.shard(shard), { withFileTypes: true })) {
    if (!entry.isDirectory() || parseIncarnation(entry.name) === undefined) continue
    const file = named.get(entry.name)
    if (file !== undefined) removed += removeStrayFiles(layout.tenantDirectory(shard, entry.name), file)
    else {
      removeTenantFiles(layout, shard, entry.name)
      removed += 1
    }
  }
  return removed
}

function removeStrayFiles(directory: string, file: string): number {
  const keep = new Set([`${file}.db`, `${file}.db-wal`, `${file}.db-shm`])
  const stray = readdirSync(directory).filter((name) => !keep.has(name))
  for (const name of stray) rmSync(join(directory, name), { recursive: true, force: true })
  return stray.length
}
