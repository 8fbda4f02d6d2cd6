/** What an operator's shell does to a live file, and what the reader says of it. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { WalBed } from '../fixtures/wal-bed.ts'
import { proveCommits } from './capture.ts'

const newDirectory = directoryMaker()
const hasShell = spawnSync('sqlite3', ['--version']).status === 0
const TABLE = 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)'

/** Runs the operator's shell on the live file. */
function shell(bed: WalBed, sql: string): string {
  const { status, stdout, stderr } = spawnSync('sqlite3', [bed.path, sql], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the shell failed: ${stderr}`)
  return stdout.trim()
}

describe.skipIf(!hasShell)("an operator's shell beside a live file", () => {
  const newBed = (): WalBed => {
    const bed = new WalBed(newDirectory(), [TABLE])
    bed.commit("INSERT INTO t(b) VALUES ('ours')")
    return bed
  }

  it('commits without a bump, and is reported with our next commit', async () => {
    const bed = newBed()
    shell(bed, "INSERT INTO t(b) VALUES ('theirs')")
    bed.script('BEGIN', "INSERT INTO t(b) VALUES ('ours again')")
    bed.bump()
    bed.script('COMMIT')
    const capture = bed.reader.capture(bed.metaPage)
    const { lsn, withoutBump } = proveCommits(capture, bed.lsn)
    expect(lsn).toBe(bed.lsn + 1n)
    expect(withoutBump).toEqual([{ frameCount: 1, databasePages: bed.databasePages, lsn: undefined }])
    if (capture !== undefined) bed.keep(capture)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('commits alone, and is found without a commit of ours', () => {
    const bed = newBed()
    shell(bed, "INSERT INTO t(b) VALUES ('theirs')")
    const { lsn, withoutBump } = proveCommits(bed.reader.capture(bed.metaPage), bed.lsn)
    expect(lsn).toBe(bed.lsn)
    expect(withoutBump).toHaveLength(1)
    bed.close()
  })

  it.each(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])('checkpoints (%s), and the log is followed', async (mode) => {
    const bed = newBed()
    expect(shell(bed, `PRAGMA wal_checkpoint(${mode})`)).toMatch(/^0\|/)
    const capture = bed.commit("INSERT INTO t(b) VALUES ('after')")
    expect(capture.restartCount).toBeGreaterThan(0)
    expect(capture.isUnlinked).toBe(false)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('commits and checkpoints before we look: its commit is gone from the log, and the restart tells', () => {
    const bed = newBed()
    bed.checkpoint()
    expect(bed.commit("INSERT INTO t(b) VALUES ('ours')").restartCount).toBe(1)
    shell(bed, "INSERT INTO t(b) VALUES ('theirs'); PRAGMA wal_checkpoint(TRUNCATE)")
    const capture = bed.commit("INSERT INTO t(b) VALUES ('ours')")
    expect(capture.commits).toHaveLength(1)
    expect(capture.restartCount).toBe(1)
    bed.close()
  })

  it('removes the log of a process that lost its locks, and the lost name is reported', () => {
    const bed = newBed()
    closeSync(openSync(bed.path, 'r'))
    shell(bed, 'SELECT count(*) FROM t')
    expect(existsSync(`${bed.path}-wal`)).toBe(false)
    expect(bed.commit("INSERT INTO t(b) VALUES ('into nowhere')").isUnlinked).toBe(true)
    bed.reader.close()
    bed.connection.close()
  })
})
