/**
 * Contract suites of the ledger's ports, and the fakes that pass them: `describeSegmentFiles` with `MemoryDisk`,
 * `describeSegmentSink` with `MemorySink`. For tests only; not published.
 */
import { describe, expect, it } from 'vitest'
import type { SegmentFiles } from './segment-files.ts'
import type { SegmentSink } from './segment-sink.ts'

export { type DiskVerb, MemoryDisk, type PowerCut } from './fixtures/memory-disk.ts'
export { MemorySink } from './fixtures/memory-sink.ts'
export { seeded } from './fixtures/seeded.ts'

/** Registers the suite for a driver of SegmentFiles. `make` gives the driver and a directory that does not exist yet. */
export function describeSegmentFiles(name: string, make: () => { files: SegmentFiles; directory: string }): void {
  describe(`SegmentFiles ${name}`, () => {
    describe('files', () => describeFiles(make))
    describe('names', () => describeNames(make))
  })
}

type Make = () => { files: SegmentFiles; directory: string }

async function openDirectory(make: Make) {
  const { files, directory } = make()
  await files.makeDirectory(directory)
  return { files, directory, path: `${directory}/00000000.seg` }
}

function describeFiles(make: Make): void {
  it('what is written at an offset is read there', async () => {
    const { files, path } = await openDirectory(make)
    const file = await files.open(path, 'create')
    await file.write(Buffer.from('hello'), 0)
    await file.write(Buffer.from('world'), 10)
    await file.sync()
    const into = Buffer.alloc(20, 1)
    expect(await file.read(into, 0)).toBe(15)
    expect(into.subarray(0, 15).toString('latin1')).toBe('hello\0\0\0\0\0world')
    expect(await file.length()).toBe(15)
    await file.close()
  })

  it('a write over what is there leaves the rest', async () => {
    const { files, path } = await openDirectory(make)
    const file = await files.open(path, 'create')
    await file.write(Buffer.from('abcdef'), 0)
    await file.write(Buffer.from('XY'), 2)
    const into = Buffer.alloc(6)
    await file.read(into, 0)
    expect(into.toString('latin1')).toBe('abXYef')
    await file.close()
  })

  it('a write of a view writes the bytes of the view', async () => {
    const { files, path } = await openDirectory(make)
    const file = await files.open(path, 'create')
    await file.write(Buffer.from('0123456789').subarray(3, 6), 0)
    expect(await file.length()).toBe(3)
    await file.close()
  })

  it('read answers what there is, and 0 at the end', async () => {
    const { files, path } = await openDirectory(make)
    const file = await files.open(path, 'create')
    await file.write(Buffer.alloc(100, 7), 0)
    expect([await file.read(Buffer.alloc(50), 80), await file.read(Buffer.alloc(50), 100)]).toEqual([20, 0])
    await file.close()
  })

  it('a megabyte goes in and out', async () => {
    const { files, path } = await openDirectory(make)
    const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => index % 253))
    const file = await files.open(path, 'create')
    await file.write(bytes, 512)
    await file.close()
    const again = await files.open(path, 'read')
    const into = Buffer.alloc(bytes.length)
    await again.read(into, 512)
    expect(into.equals(bytes)).toBe(true)
    await again.close()
  })
}

function describeNames(make: Make): void {
  it('create rejects with EEXIST when the file is there, read with ENOENT when it is not', async () => {
    const { files, path } = await openDirectory(make)
    await expect(files.open(path, 'read')).rejects.toMatchObject({ code: 'ENOENT' })
    await (await files.open(path, 'create')).close()
    await expect(files.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('list names what was created, renamed and not removed', async () => {
    const { files, directory, path } = await openDirectory(make)
    for (const name of ['a.spare', 'b.spare']) await (await files.open(`${directory}/${name}`, 'create')).close()
    await files.rename(`${directory}/a.spare`, path)
    await files.remove(`${directory}/b.spare`)
    await files.syncDirectory(directory)
    expect(await files.list(directory)).toEqual(['00000000.seg'])
  })

  it('an open file stays open under its new name', async () => {
    const { files, directory, path } = await openDirectory(make)
    const file = await files.open(`${directory}/a.spare`, 'create')
    await files.rename(`${directory}/a.spare`, path)
    await file.write(Buffer.from('later'), 0)
    await file.sync()
    await file.close()
    const again = await files.open(path, 'read')
    expect(await again.length()).toBe(5)
    await again.close()
  })

  it('remove and rename reject with ENOENT when there is nothing', async () => {
    const { files, directory, path } = await openDirectory(make)
    await expect(files.remove(path)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(files.rename(path, `${directory}/b`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('makeDirectory makes what is missing above it, and again does no harm', async () => {
    const { files, directory } = make()
    await files.makeDirectory(`${directory}/x/y`)
    await files.makeDirectory(`${directory}/x/y`)
    await (await files.open(`${directory}/x/y/00000000.seg`, 'create')).close()
    expect(await files.list(`${directory}/x/y`)).toEqual(['00000000.seg'])
  })
}

/** Registers the suite for a driver of SegmentSink. `make` gives an empty sink. */
export function describeSegmentSink(name: string, make: () => SegmentSink): void {
  describe(`SegmentSink ${name}`, () => {
    it('gives back what was created, and undefined for what was not', async () => {
      const sink = make()
      expect(await sink.create(7, Buffer.from('seven'))).toBe('created')
      expect(Buffer.from((await sink.read(7)) ?? []).toString()).toBe('seven')
      expect(await sink.read(8)).toBeUndefined()
    })

    it('never overwrites: a taken id stays as it is', async () => {
      const sink = make()
      await sink.create(7, Buffer.from('mine'))
      expect(await sink.create(7, Buffer.from('theirs'))).toBe('exists')
      expect(Buffer.from((await sink.read(7)) ?? []).toString()).toBe('mine')
    })

    it('of two creates at once one is stored', async () => {
      const sink = make()
      const outcomes = await Promise.all(['a', 'b'].map((text) => sink.create(1, Buffer.from(text))))
      expect(outcomes.toSorted()).toEqual(['created', 'exists'])
    })

    it('keeps a copy: the caller may write over its bytes', async () => {
      const sink = make()
      const bytes = Buffer.from('kept')
      await sink.create(0, bytes)
      bytes.fill(0)
      expect(Buffer.from((await sink.read(0)) ?? []).toString()).toBe('kept')
    })
  })
}
