/**
 * A host that loses its disk, twice: it is killed, its whole data directory is removed, and the next one begins with an empty one and
 * the same store. In between a recovery is killed too.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreSettings } from 'tenax'
import { type Child, type Ending, startChild } from '../child.ts'
import { scratchMemory } from '../scratch.ts'
import { parseRecoverLine, type RecoverLine, type RecoverOrder } from './recover-lines.ts'
import { RecoverOracle } from './recover-oracle.ts'

/** How much of it. */
export interface LostDiskOptions {
  readonly tenantCount: number
  /** Acknowledgements of a life, until it is killed. */
  readonly sentMax: number
  /** Calls of the store in which recoveries are killed. */
  readonly callsMax: readonly number[]
  /** Default: a directory beside the data. */
  readonly store?: StoreSettings
}

/** What it came to. */
export interface LostDiskResult {
  readonly faults: readonly string[]
  readonly recoveredCount: number
  /** Recoveries that were killed. */
  readonly killedCount: number
  /** Acknowledged rows that had to be there, by class. */
  readonly remoteCount: number
  readonly localCount: number
}

const WORKER = new URL('../fixtures/recover-worker.ts', import.meta.url)
const LOSSES = 2

/** Runs all lives. */
export async function loseDisk(options: LostDiskOptions): Promise<LostDiskResult> {
  using scratch = scratchMemory()
  const dataPath = join(scratch.path, 'data')
  const { tenantCount, store = { directory: join(scratch.path, 'blobs') } } = options
  const lives = new Lives({ dataPath, store, tenantCount })
  await lives.write(options.sentMax)
  for (let loss = 0; loss < LOSSES; loss += 1) {
    rmSync(dataPath, { recursive: true })
    for (const callsMax of options.callsMax) await lives.die(callsMax)
    await lives.write(options.sentMax)
  }
  rmSync(dataPath, { recursive: true })
  await lives.end()
  const { remoteCount, localCount, faults } = lives.oracle
  return { faults, remoteCount, localCount, recoveredCount: lives.recoveredCount, killedCount: lives.killedCount }
}

class Lives {
  readonly oracle = new RecoverOracle()
  readonly #order: RecoverOrder
  recoveredCount = 0
  killedCount = 0

  constructor(order: RecoverOrder) {
    this.#order = order
  }

  /** A life that is killed when it has acknowledged so much behind its look at every tenant. */
  async write(sentMax: number): Promise<void> {
    let left = sentMax
    await this.#live(this.#order, (line, child) => {
      if (line.type === 'sent') left -= 1
      if (left === 0) child.kill('SIGKILL')
    })
  }

  /** A life that is killed in its recovery. */
  async die(callsMax: number): Promise<void> {
    let isOpen = false
    await this.#live({ ...this.#order, callsMax }, (line) => {
      if (line.type === 'open') isOpen = true
    })
    if (!isOpen) this.killedCount += 1
  }

  /** A life that looks at everything and closes. */
  async end(): Promise<void> {
    const { code, stderr } = await this.#live({ ...this.#order, isLast: true }, () => undefined)
    if (code !== 0) this.oracle.faults.push(`the last life ended with ${code}: ${stderr}`)
  }

  async #live(order: RecoverOrder, onLine: (line: RecoverLine, child: Child) => void): Promise<Ending> {
    const child = startChild({
      script: WORKER,
      args: [JSON.stringify(order)],
      onLine: (text, one) => {
        const line = parseRecoverLine(text)
        this.oracle.hear(line)
        if (line.type === 'open' && line.recovered) this.recoveredCount += 1
        onLine(line, one)
      },
    })
    return child.ended
  }
}
