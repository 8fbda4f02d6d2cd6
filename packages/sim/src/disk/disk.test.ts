import { expect, test } from 'vitest'
import { startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'

const WORKER = new URL('../fixtures/disk-worker.ts', import.meta.url)

/** Runs the worker to its end and gives what it said before its disk broke, and after. */
async function runWorker(mode: 'fail' | 'stall', syncCount: number) {
  using scratch = scratchDirectory()
  const lines: string[] = []
  const args = [mode, scratch.path, String(syncCount)]
  const ending = await startChild({ script: WORKER, args, onLine: (line) => lines.push(line) }).ended
  const at = lines.indexOf('broken')
  return { ...ending, before: lines.slice(0, at), after: lines.slice(at + 1) }
}

for (const syncCount of [1, 2, 7]) {
  test(`a host whose ${syncCount}. fsync fails ends itself, and acknowledges nothing later`, async () => {
    const { signal, after, before } = await runWorker('fail', syncCount)
    expect(signal).toBe('SIGKILL')
    expect(after.filter((line) => line === 'ack')).toEqual([])
    expect(before.filter((line) => line === 'ack').length > 0).toBe(syncCount > 1)
  })
}

test('while a disk stalls nothing is acknowledged and writers are refused; then it goes on without a loss', async () => {
  const { code, stderr, before, after } = await runWorker('stall', 3)
  expect([code, stderr]).toEqual([0, ''])
  const healed = after.indexOf('healed')
  expect(after.slice(0, healed).filter((line) => line === 'ack')).toEqual([])
  expect(new Set(after.slice(0, healed))).toEqual(new Set(['refused overloaded']))
  const acknowledged = [...before, ...after].filter((line) => line === 'ack').length
  const rows = after.filter((line) => line.startsWith('rows ')).map((line) => Number(line.slice(5)))
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe(acknowledged)
})
