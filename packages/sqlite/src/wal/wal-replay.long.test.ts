import { describe, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { checkHistories } from '../fixtures/wal-history.ts'

const newDirectory = directoryMaker()

describe('captured pages, redone onto an old copy, are the file', () => {
  it('after 1,000 random lives of a file', () => checkHistories(newDirectory, 1_000))
})
