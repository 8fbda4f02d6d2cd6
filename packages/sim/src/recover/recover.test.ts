import { expect, test } from 'vitest'
import { loseDisk } from './lost-disk.ts'

test('kill -9 and a lost disk, twice, with kills in the recoveries: class remote loses nothing, class local what is younger than its lag', async () => {
  const result = await loseDisk({ tenantCount: 6, sentMax: 60, callsMax: [8] })
  expect(result.faults).toEqual([])
  expect(result).toMatchObject({ recoveredCount: 3, killedCount: 2 })
  expect(result.remoteCount).toBeGreaterThan(60)
})
