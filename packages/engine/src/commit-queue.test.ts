/** What becomes of a commit one of whose jobs is wrong. */
import { systemClock } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { expect, it } from 'vitest'
import { type CommitOwner, CommitQueue } from './commit-queue.ts'
import { FairShare } from './fair-share.ts'
import { ACME, hostMaker, until } from './fixtures/test-bed.ts'
import { COMMIT_JOBS_MAX } from './limits.ts'
import { PLAIN_SEAMS } from './seams.ts'

const openHost = hostMaker()

const insert = (n: number) => (file: SqliteFile) => {
  file.engine('INSERT INTO entry VALUES (?)').get([BigInt(n)])
}

/** A queue over a table that takes each positive number once. */
async function bed() {
  const host = await openHost({ workflows: [] })
  await host.sql('CREATE TABLE entry (n INTEGER PRIMARY KEY CHECK (n > 0))')
  const [failures, counts] = [[] as unknown[], { commit: 0 }]
  const owner: CommitOwner<undefined> = {
    tenant: ACME,
    isCrowded: () => true,
    beforeCommit: () => undefined,
    open: () => undefined,
    close: () => undefined,
    committed: () => {
      counts.commit += 1
    },
    idle: () => undefined,
    failed: (error) => failures.push(error),
  }
  const share = new FairShare({ clock: systemClock, macrotask: PLAIN_SEAMS.macrotask })
  const queue = new CommitQueue({ clock: systemClock, tenancy: host.tenancy, share, seams: PLAIN_SEAMS }, owner)
  const rows = async () => (await host.sql('SELECT n FROM entry ORDER BY n')).map(([n]) => Number(n))
  return { queue, rows, failures, counts }
}

it('a row that its table does not take takes back what its own job has written, and nothing of the others', async () => {
  const { queue, rows, failures } = await bed()
  const bad = (n: number) => (file: SqliteFile) => {
    insert(n)(file)
    insert(-n)(file)
  }
  const ends = await Promise.allSettled([
    queue.submit(insert(1), { takesFaults: true }),
    queue.submit(bad(2), { takesFaults: true, isRefusedFirst: true }),
    queue.submit(bad(3), { takesFaults: true }),
    queue.submit(insert(4), { isRefusedFirst: true }),
  ])
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect([await rows(), failures]).toEqual([[1, 4], []])
})

it('a fault that nobody sees to fails the commit, and its owner hears of it', async () => {
  const { queue, rows, failures } = await bed()
  queue.post(insert(-1))
  await until(() => failures.length > 0)
  await expect(queue.submit(insert(-2))).rejects.toThrow('CHECK')
  expect([failures.length, await rows()]).toEqual([2, []])
})

it('takes no more jobs into a commit than it may', async () => {
  const { queue, rows, counts } = await bed()
  const count = COMMIT_JOBS_MAX + 1
  await Promise.all(Array.from({ length: count }, (_, index) => queue.submit(insert(index + 1))))
  expect(counts.commit).toBeGreaterThan(1)
  expect(await rows()).toHaveLength(count)
})
