import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { cutCopy } from './cut-copy.ts'

/** Renames a file to and fro, and removes and makes it again now and then: it is always there under one of two names. */
const MOVER = `
  const { renameSync } = require('node:fs')
  const { workerData, parentPort } = require('node:worker_threads')
  parentPort.postMessage('moves')
  for (;;) {
    for (let index = 0; index < 20; index += 1) {
      renameSync(workerData + '/a', workerData + '/b')
      renameSync(workerData + '/b', workerData + '/a')
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
`

test('a copy has each file once, under one of its names, while another thread renames it', async () => {
  using scratch = scratchMemory()
  const from = join(scratch.path, 'from')
  mkdirSync(from)
  for (let index = 0; index < 20; index += 1) writeFileSync(join(from, `still-${index}`), 'bytes')
  writeFileSync(join(from, 'a'), 'bytes')
  const mover = new Worker(MOVER, { eval: true, workerData: from })
  await new Promise((resolve) => mover.once('message', resolve))
  try {
    for (let round = 0; round < 200; round += 1) {
      const to = join(scratch.path, `to-${round}`)
      cutCopy(from, to)
      expect(readdirSync(to)).toHaveLength(21)
      rmSync(to, { recursive: true })
    }
  } finally {
    await mover.terminate()
  }
})
