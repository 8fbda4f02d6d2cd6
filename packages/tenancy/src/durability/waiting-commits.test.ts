import { expect, it } from 'vitest'
import { WaitingCommits } from './waiting-commits.ts'

it('begins where the file is: all that it holds is durable', () => {
  expect(new WaitingCommits(7n).durableLsn(0)).toBe(7n)
})

it('tells the last commit whose record is durable, and forgets those before it', () => {
  const commits = new WaitingCommits(7n)
  commits.add({ lsn: 8n, seq: 3 }, 0)
  commits.add({ lsn: 9n, seq: 5 }, 0)
  expect([2, 3, 4, 5, 9].map((durableSeq) => commits.durableLsn(durableSeq))).toEqual([7n, 8n, 8n, 9n, 9n])
  commits.add({ lsn: 10n, seq: 12 }, 9)
  expect([commits.durableLsn(9), commits.durableLsn(12)]).toEqual([9n, 10n])
})
