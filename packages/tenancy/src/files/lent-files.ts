/**
 * Where the file of a lent tenant lies: in `lent/<shard>-<incarnation>/`, under its own name, and nowhere else. Its place says
 * who writes it, so one rename hands it over, and one takes it back; a crash finds it here or there, whole.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { assert, type Incarnation, parseIncarnation } from '@tenax/kernel'
import { syncDirectory, writeNewFile } from '@tenax/sqlite'
import type { Layout, TenantFileName } from './layout.ts'

/** A tenant that is lent, or was when a process ended. `file` is undefined when its file is at home. */
export interface LentPlace {
  readonly shard: number
  readonly incarnation: Incarnation
  readonly directory: string
  readonly file: string | undefined
}

/** The directory that the file of a lent tenant lies in. */
export function lentDirectory(layout: Layout, shard: number, incarnation: string): string {
  return join(layout.lent, `${String(shard).padStart(2, '0')}-${incarnation}`)
}

/** The lock of whoever has the file. */
export const lockOfLent = (directory: string): string => join(directory, 'lock')

const settledMark = (directory: string): string => join(directory, 'settled')

/** Every place of the data directory. */
export function listLent(layout: Layout): LentPlace[] {
  if (!existsSync(layout.lent)) return []
  return readdirSync(layout.lent).flatMap((name) => {
    const [, shard, text] = /^(\d\d)-(.+)$/.exec(name) ?? []
    const incarnation = parseIncarnation(text ?? '')
    if (shard === undefined || incarnation === undefined) return []
    const directory = join(layout.lent, name)
    return [{ shard: Number(shard), incarnation, directory, file: lentFileIn(directory) }]
  })
}

/** The name of the tenant's file in a lent place, without its ending; undefined when it is not there. */
export function lentFileIn(directory: string): string | undefined {
  return readdirSync(directory)
    .find((name) => name.endsWith('.db'))
    ?.slice(0, -'.db'.length)
}

/** True when the file beside its log holds nothing that is only in the log. */
export function isLogEmpty(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0
}

/** Moves a file that nobody has open out of its shard, durably. Gives the directory that it lies in then. */
export function moveOut(layout: Layout, shard: number, name: TenantFileName): string {
  const directory = lentDirectory(layout, shard, name.incarnation)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  syncDirectory(layout.root)
  syncDirectory(layout.lent)
  renameSync(layout.tenantFile(shard, name), join(directory, `${name.file}.db`))
  syncDirectory(directory)
  syncDirectory(layout.tenantDirectory(shard, name.incarnation))
  return directory
}

/** Moves a file that is settled back into its shard, durably, and removes the place. */
export function moveHome(layout: Layout, { shard, incarnation, directory, file }: LentPlace): void {
  if (file !== undefined) {
    const path = join(directory, `${file}.db`)
    assert(isLogEmpty(path), 'a file goes home with nothing in its log')
    renameSync(path, layout.tenantFile(shard, { incarnation, file }))
    syncDirectory(layout.tenantDirectory(shard, incarnation))
  }
  removePlace(layout, directory)
}

/** Removes a place that no file is in. */
export function removePlace(layout: Layout, directory: string): void {
  rmSync(directory, { recursive: true, force: true })
  syncDirectory(layout.lent)
}

/** Says that the file here is whole by itself. The last thing that whoever has it does. */
export function markSettled(directory: string): void {
  writeNewFile(settledMark(directory), Buffer.from('\n'))
}

/** Whether whoever had the file has left it whole. */
export function isSettled(directory: string): boolean {
  return existsSync(settledMark(directory))
}

/** True while the file of an incarnation is in a lent place. */
export function isAway(layout: Layout, incarnation: Incarnation): boolean {
  return listLent(layout).some((place) => place.incarnation === incarnation && place.file !== undefined)
}
