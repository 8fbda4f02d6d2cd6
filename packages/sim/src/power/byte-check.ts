/** Compares what recovery has laid down for a tenant, before anybody opens it, with the replay of its history. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Tenancy } from '@tenax/tenancy'
import type { Seeded } from '../seeded.ts'
import type { Replay } from './replay.ts'

/** Where to look, and how many tenants of all. */
export interface ByteCheck {
  readonly dataPath: string
  readonly scratchPath: string
  readonly replay: Replay
  readonly seeded: Seeded
  readonly tenantsMax: number
}

/** Faults of some tenants' files: bytes that differ from the replay, damage, another LSN. None of them is open. */
export function byteFaults(tenancy: Tenancy, check: ByteCheck): string[] {
  const { tenants } = tenancy.list({ limit: 1_000, afterId: '', prefix: '', accepts: () => true })
  const chosen = tenants.filter(() => check.seeded.below(tenants.length) < check.tenantsMax)
  return chosen.flatMap(({ id, incarnation, file }) => {
    const image = check.replay.image(incarnation)
    if (image === undefined) return [] // it was checkpointed and closed before this chain began
    const found = recoveredFile(placeOf(check.dataPath, incarnation, file), check.scratchPath)
    const differs = found.bytes.equals(image.bytes)
      ? []
      : [`${id} at ${image.lsn}: ${differenceOf(found.bytes, image.bytes)}`]
    const isAt = found.lsn === image.lsn ? [] : [`${id} is at LSN ${found.lsn} instead of ${image.lsn}`]
    return found.complaint === 'ok' ? [...differs, ...isAt] : [`${id}: ${found.complaint}`, ...differs]
  })
}

function placeOf(dataPath: string, incarnation: string, file: string): string {
  const shards = join(dataPath, 'shards')
  const shard = readdirSync(shards).find((name) => existsSync(join(shards, name, incarnation))) ?? 'none'
  return join(shards, shard, incarnation, `${file}.db`)
}

/** A file as another engine finds it. */
export interface RecoveredFile {
  readonly bytes: Buffer
  readonly lsn: number
  /** `ok`, or what `integrity_check` says. */
  readonly complaint: string
}

/** Main file and log as another engine recovers them, on a copy. */
export function recoveredFile(path: string, scratchPath: string): RecoveredFile {
  mkdirSync(scratchPath, { recursive: true })
  const copy = join(scratchPath, 'recovered.db')
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) writeFileSync(copy + suffix, readFileSync(path + suffix))
  }
  try {
    return { ...questioned(copy), bytes: readFileSync(copy) }
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
  }
}

function questioned(path: string): { lsn: number; complaint: string } {
  const database = new DatabaseSync(path)
  try {
    const complaint = String(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'])
    const lsn = Number(database.prepare('SELECT lsn FROM tenax_meta').get()?.['lsn'])
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return { lsn, complaint }
  } finally {
    database.close()
  }
}

function differenceOf(found: Buffer, expected: Buffer): string {
  const pages: number[] = []
  for (let at = 0; at < Math.min(found.length, expected.length); at += 4096) {
    if (!found.subarray(at, at + 4096).equals(expected.subarray(at, at + 4096))) pages.push(at / 4096 + 1)
  }
  return `${found.length} bytes instead of ${expected.length}, pages ${pages.join(' ')} differ from the replay`
}
