/** A lost disk at its real size, over a directory and over a real S3 server. */
import { randomUUID } from 'node:crypto'
import { testS3 } from '@tenax/blobstore/contract'
import { describe, expect, test } from 'vitest'
import { type LostDiskOptions, loseDisk } from './lost-disk.ts'

const SIZE: LostDiskOptions = { tenantCount: 300, sentMax: 1_500, callsMax: [20, 30] }

async function loseAll(options: LostDiskOptions): Promise<void> {
  const result = await loseDisk(options)
  expect(result.faults).toEqual([])
  expect(result).toMatchObject({ recoveredCount: 3, killedCount: 4 })
  expect(result.remoteCount).toBeGreaterThan(1_000)
}

test('300 tenants over a directory: kill -9 and a lost disk, twice, with two kills in each recovery but the last', () =>
  loseAll(SIZE))

const s3 = testS3()
describe.skipIf(s3.isSkipped)(`a real S3 server${s3.note}`, () => {
  test('300 tenants: kill -9 and a lost disk, twice, with two kills in each recovery but the last', async () => {
    const settings = await s3.makeBucket(`tenax-test-${randomUUID()}`)
    await loseAll({ ...SIZE, sentMax: 900, store: { s3: settings } })
    await s3.removeBucket(settings)
  })
})
