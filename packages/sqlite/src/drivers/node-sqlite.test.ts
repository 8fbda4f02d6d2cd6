import { isTenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { describeEngineDriver } from '../contract.ts'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { nodeSqliteDriver, requireNodeSqlite } from './node-sqlite.ts'

describeEngineDriver(nodeSqliteDriver, directoryMaker())

test.each([
  ['is not there', undefined],
  ['has no authorizer', { DatabaseSync: class {} as never }],
])('says which Node to use where its SQLite %s', (_case, found) => {
  try {
    requireNodeSqlite(found)
    expect.unreachable()
  } catch (error) {
    expect(isTenaxError(error, 'unavailable') && error.hint).toBe('use Node 24.10 or newer')
  }
})
