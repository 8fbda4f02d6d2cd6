import { describe, expect, test } from 'vitest'
import { appendOneByOne, checkpointOf, DIRECTORY, entryOf, idOf, openLedger, readAll } from './fixtures/ledger-bed.ts'
import type { MemoryDisk } from './fixtures/memory-disk.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const segmentsOf = async (disk: MemoryDisk) => (await disk.list(DIRECTORY)).filter((name) => /seg$/.test(name)).sort()
const withCode = (code: string) => expect.objectContaining({ code })

describe('trim', () => {
  test('keeps every segment in which a tenant has an entry behind its last checkpoint (K3)', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    await appendOneByOne(ledger, 'u', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('u', 20)))
    expect(ledger.pinnedBy()).toEqual({ segmentId: 0, incarnations: [idOf('t')] })
    expect(await ledger.trim()).toBe(0)
    await ledger.durable(ledger.append(checkpointOf('t', 1)))
    expect(await ledger.trim()).toBe(3)
    expect(await segmentsOf(disk)).toEqual(['00000003.seg'])
    expect(ledger.pinnedBy()).toEqual({ segmentId: 3, incarnations: [] })
  })

  test('a checkpoint below an entry releases only what lies below it', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 12)))
    await ledger.trim()
    expect(await segmentsOf(disk)).toEqual(['00000002.seg', '00000003.seg'])
  })

  test('a checkpoint releases nothing before it is durable', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    const release = disk.stall('sync')
    const seq = ledger.append(checkpointOf('t', 20))
    expect(await ledger.trim()).toBe(0)
    release()
    await ledger.durable(seq)
    expect(await ledger.trim()).toBe(3)
  })

  test('a tenant that is forgotten pins nothing, and pins again when it comes back', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append({ kind: 'forget', incarnation: idOf('t') }))
    await appendOneByOne(ledger, 't', [21])
    expect(await ledger.trim()).toBe(3)
    expect(await segmentsOf(disk)).toEqual(['00000003.seg'])
    expect(ledger.pinnedBy().incarnations).toEqual([idOf('t')])
  })

  test('checkpoints pin nothing', async () => {
    const { ledger } = await openLedger()
    for (const lsn of upTo(400)) ledger.append(checkpointOf('t', lsn))
    await ledger.durable(400)
    expect(await ledger.trim()).toBeGreaterThan(0)
  })

  test('makes the watermark durable, then unlinks the oldest first, then syncs the directory (F4)', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    const from = disk.log.length
    await ledger.trim()
    const verbs = disk.log.slice(from).map((line) => line.replace(/ .*\//, ' '))
    expect(verbs.slice(0, 6)).toEqual([
      'write 00000003.seg',
      'sync 00000003.seg',
      'remove 00000000.seg',
      'remove 00000001.seg',
      'remove 00000002.seg',
      expect.stringMatching(/^syncDirectory/),
    ])
  })

  test('a trimmed ledger is read from its first segment on, and knows its watermark', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 12)))
    await ledger.trim()
    await appendOneByOne(ledger, 't', upTo(30).slice(20))
    await ledger.close()
    const { records, end } = await readAll(disk)
    expect(records[0]).toMatchObject({ seq: 13, place: { segmentId: 2, offset: 592 } })
    expect(end).toMatchObject({ state: 'sealed', firstNeeded: 2 })
  })

  test('an entry of which only the end is left is skipped', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(4))
    await ledger.durable(ledger.append(entryOf('u', 1, 5)))
    await ledger.durable(ledger.append(entryOf('v', 1)))
    ledger.append(checkpointOf('t', 4))
    await ledger.durable(ledger.append(checkpointOf('u', 1)))
    expect(await ledger.trim()).toBe(1)
    const { records } = await readAll(disk)
    expect(records[0]).toMatchObject({ seq: 6, record: { kind: 'entry', incarnation: idOf('v') } })
  })

  test('bytes falls by what was removed', async () => {
    const { ledger } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    const before = ledger.bytes
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    await ledger.trim()
    expect(ledger.bytes).toBeLessThan(before - 50_000)
  })

  test('goes on where it stopped when a segment could not be removed', async () => {
    const { ledger, disk, fatal } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    disk.failNext('remove', 'EIO', { path: /00000001\.seg/ })
    await expect(ledger.trim()).rejects.toEqual(withCode('EIO'))
    expect(await segmentsOf(disk)).toEqual(['00000001.seg', '00000002.seg', '00000003.seg'])
    expect([await ledger.trim(), fatal]).toEqual([2, []])
  })

  test('a failed fsync of the directory ends the epoch', async () => {
    const { ledger, disk, fatal } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    disk.failNext('syncDirectory', 'EIO')
    await expect(ledger.trim()).rejects.toEqual(withCode('EIO'))
    expect([fatal.length, ledger.state]).toEqual([1, 'failed'])
  })

  test('two calls at once are one trim', async () => {
    const { ledger } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    expect(await Promise.all([ledger.trim(), ledger.trim()])).toEqual([3, 3])
    expect(ledger.appendedSeq).toBe(22)
  })
})
