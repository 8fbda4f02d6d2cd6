import { expect, test } from 'vitest'
import { startChild } from './child.ts'

const LINE_COUNT = 20_000
/** Longer than the child needs to fill the pipe. */
const DEAF_MS = 300

test('every line that a child said before SIGKILL is heard, also by a reader that was slow', async () => {
  let heardCount = 0
  let isDeaf = true
  const onLine = () => {
    heardCount += 1
    if (!isDeaf) return
    isDeaf = false
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DEAF_MS)
  }
  const script = new URL('./fixtures/talk-worker.ts', import.meta.url)
  const { signal } = await startChild({ script, args: [String(LINE_COUNT)], onLine }).ended
  expect(signal).toBe('SIGKILL')
  expect(heardCount).toBe(LINE_COUNT)
})
