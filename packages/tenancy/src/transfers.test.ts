/** What who watches a tenant hears of its long verbs: bytes, told by the verbs themselves. */
import { expect, it } from 'vitest'
import { ACME, tenancyWithRows } from './fixtures/archived-tenant.ts'
import { idOf } from './fixtures/settings.ts'
import { tenancyMaker } from './fixtures/test-bed.ts'
import type { TransferProgress } from './transfers.ts'

const open = tenancyMaker()
const withRows = tenancyWithRows(open)

it('each verb tells its bytes to the end, and nobody hears of another tenant', async () => {
  const { tenancy } = await withRows(3_000)
  const other: TransferProgress[] = []
  tenancy.transfers.watch([idOf('other')], (progress) => other.push(progress))
  const told = async (work: () => Promise<unknown>, ids = [ACME]) => {
    const progress: TransferProgress[] = []
    const stop = tenancy.transfers.watch(ids, (one) => progress.push(one))
    await work()
    stop()
    for (const [index, one] of progress.entries()) {
      expect(one.doneBytes).toBeLessThanOrEqual(one.totalBytes)
      expect(one.doneBytes).toBeGreaterThanOrEqual(progress[index - 1]?.doneBytes ?? 0)
    }
    const last = progress.at(-1) ?? { doneBytes: -1, totalBytes: -2 }
    expect(last.doneBytes).toBe(last.totalBytes)
    expect(new Set(progress.map(({ doneBytes }) => doneBytes)).size).toBeGreaterThan(2)
    return last.totalBytes
  }
  const archived = await told(() => tenancy.archive(ACME))
  const file = archived / 2 // stored, then read back
  expect(await told(() => tenancy.hydrate(ACME))).toBe(file)
  expect(await told(() => tenancy.restore(ACME, 1))).toBeGreaterThanOrEqual(2 * file)
  const copy = idOf('copy')
  expect(await told(() => tenancy.fork(ACME, copy, 1), [ACME, copy])).toBe(5 * file) // read, checked, rebuilt, stored, read back
  expect(await told(() => tenancy.fork(ACME, idOf('copy2')), [ACME, idOf('copy2')])).toBe(5 * file)
  expect(other).toEqual([])
})
