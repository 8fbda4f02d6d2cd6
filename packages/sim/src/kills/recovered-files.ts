/** Compares the files of all tenants, as recovery has laid them down and nobody has opened them, with their replay. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { readCatalog } from '../crash/data-check.ts'
import { recoveredFile } from '../power/byte-check.ts'
import { type Image, Replay, withPage } from '../power/replay.ts'

/** One tenant's file. */
export interface TenantFile {
  readonly incarnation: string
  readonly path: string
}

/** The files of all tenants in a data directory. */
export function tenantFiles(dataPath: string): TenantFile[] {
  return shardPaths(dataPath).flatMap((shard) =>
    readdirSync(shard, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => filesIn(join(shard, name)).map((path) => ({ incarnation: name, path }))),
  )
}

function shardPaths(dataPath: string): string[] {
  return readdirSync(join(dataPath, 'shards')).map((shard) => join(dataPath, 'shards', shard))
}

function filesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.db'))
    .map((name) => join(directory, name))
}

/** A replay that begins with every file of a data directory that was closed well. */
export function replayFrom(dataPath: string): Replay {
  const replay = new Replay()
  const catalogs = shardPaths(dataPath).map((shard) => ({ path: join(shard, 'catalog.db') }))
  for (const { path } of [...tenantFiles(dataPath), ...catalogs]) beginAtRest(replay, path)
  return replay
}

/** Begins the history of a file that says everything itself: its log is empty. One that has no name yet is left out. */
export function beginAtRest(replay: Replay, path: string): void {
  const bytes = readFileSync(path)
  const database = new DatabaseSync(path, { readOnly: true })
  const meta = database.prepare('SELECT incarnation, lineage, lsn FROM tenax_meta').get() ?? {}
  database.close()
  const { incarnation, lineage, lsn } = meta
  if (typeof incarnation !== 'string' || replay.image(incarnation) !== undefined) return
  replay.begin(incarnation, { bytes, lsn: Number(lsn), lineage: String(lineage) })
}

/** Begins the history of imports that were cut short behind their last commit to the catalog: no ledger knows of them. */
export function beginImported(replay: Replay, dataPath: string, scratchPath: string): void {
  for (const { incarnation, path } of tenantFiles(dataPath)) {
    if (replay.image(incarnation) !== undefined) continue
    const copy = join(scratchPath, 'imported.db')
    mkdirSync(scratchPath, { recursive: true })
    writeFileSync(copy, readFileSync(path))
    beginAtRest(replay, copy)
    for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
  }
}

/** Faults of all files: bytes of the main file under its log that differ from the replay. */
export function byteFaults(dataPath: string, replay: Replay): string[] {
  return tenantFiles(dataPath).flatMap(({ incarnation, path }) => {
    const image = replay.image(incarnation)
    // The file of a verb that was cut short before its first entry: recovery has removed it, or will never serve it.
    if (image === undefined) return []
    const found = underLog(
      readFileSync(path),
      existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`) : Buffer.alloc(0),
    )
    return found.equals(image.bytes) ? [] : [`${path} is not what its ledger says at ${image.lsn}`]
  })
}

const LOG_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const PAGE_BYTES = 4096

/** A main file with its redo log applied. That log is one transaction, so that its last frame tells the length. */
function underLog(main: Buffer, log: Buffer): Buffer {
  let bytes: Buffer = Buffer.from(main)
  let pages = main.length / PAGE_BYTES
  for (let at = LOG_HEADER_BYTES; at < log.length; at += FRAME_HEADER_BYTES + PAGE_BYTES) {
    const page = log.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + PAGE_BYTES)
    bytes = withPage(bytes, log.readUInt32BE(at), page)
    pages = log.readUInt32BE(at + 4)
  }
  return Buffer.concat([bytes], pages * PAGE_BYTES)
}

/** Faults of one file as another SQLite recovers it: damage, another LSN, other bytes. */
export function engineFaults({ path }: TenantFile, image: Image | undefined, scratchPath: string): string[] {
  const { bytes, lsn, complaint } = recoveredFile(path, scratchPath)
  const faults = complaint === 'ok' ? [] : [`${path}: ${complaint}`]
  if (image !== undefined && lsn !== image.lsn) faults.push(`${path} is at LSN ${lsn} instead of ${image.lsn}`)
  if (image !== undefined && !bytes.equals(image.bytes)) faults.push(`${path}: another SQLite makes another file of it`)
  return faults
}

/** Rows of each lane, as `<tenant>/<lane>`, as another SQLite counts them in a data directory that was closed well. */
export function rowCounts(dataPath: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const shard of shardPaths(dataPath)) {
    for (const { id, incarnation, file } of readCatalog(join(shard, 'catalog.db')).rows) {
      const database = new DatabaseSync(join(shard, incarnation, `${file}.db`), { readOnly: true })
      for (const { lane, count } of database.prepare('SELECT lane, count(*) AS count FROM entry GROUP BY lane').all()) {
        counts.set(`${id}/${String(lane)}`, Number(count))
      }
      database.close()
    }
  }
  return counts
}
