import { ManualClock } from '@tenax/kernel'
import { fsSegmentFiles, type SegmentFiles } from '@tenax/ledger'
import { describeSegmentFiles, MemoryDisk } from '@tenax/ledger/contract'
import { expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { timedFiles } from './timed-files.ts'

const newDirectory = directoryMaker()

describeSegmentFiles('timed', () => ({
  files: timedFiles(fsSegmentFiles, new ManualClock(), { count: 0, durationMs: 0 }),
  directory: `${newDirectory()}/ledger`,
}))

it('counts each fsync of a file, and the time that it took, also when it fails', async () => {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  const slow: SegmentFiles = {
    ...{ makeDirectory: (path) => disk.makeDirectory(path), list: (path) => disk.list(path) },
    ...{ rename: (from, to) => disk.rename(from, to), remove: (path) => disk.remove(path) },
    syncDirectory: (path) => disk.syncDirectory(path),
    async open(path, mode) {
      const file = await disk.open(path, mode)
      return {
        ...{ write: file.write.bind(file), read: file.read.bind(file) },
        ...{ length: file.length.bind(file), close: file.close.bind(file) },
        sync() {
          clock.advance(7)
          return file.sync()
        },
      }
    },
  }
  const times = { count: 0, durationMs: 0 }
  const files = timedFiles(slow, clock, times)
  await files.makeDirectory('l')
  const file = await files.open('l/00000000.seg', 'create')
  await file.sync()
  disk.failNext('sync', 'EIO')
  await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
  expect(times).toEqual({ count: 2, durationMs: 14 })
})
