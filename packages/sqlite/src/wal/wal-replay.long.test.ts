import { describe, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { checkHistories } from '../fixtures/wal-history.ts'

const newDirectory = directoryMaker()

describe('captured pages, redone onto an old copy, are the file', () => {
  it('after 300 random lives of a file', () => checkHistories(newDirectory, 300))
})
