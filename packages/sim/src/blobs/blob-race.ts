/** Two processes that create the same blobs in one directory, one of which dies on the way: each blob has one maker. */
import { join } from 'node:path'
import { openFsStore } from '@tenax/blobstore'
import { type Child, startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'
import { type BlobLine, type Deed, textOf } from './blob-life.ts'
import { textAt } from './blob-oracle.ts'

const WORKER = new URL('../fixtures/blob-worker.ts', import.meta.url)

/** How many keys, and the event of the file system at which the second process dies. */
export interface RaceOptions {
  readonly keyCount: number
  readonly eventCount: number
}

/** What came of it. */
export interface RaceReport {
  readonly faults: readonly string[]
  /** How many keys each process was told to have made. */
  readonly wonCounts: readonly number[]
}

/** One race. */
export async function raceForBlobs({ keyCount, eventCount }: RaceOptions): Promise<RaceReport> {
  using scratch = scratchDirectory()
  const directory = join(scratch.path, 'store')
  const keys = Array.from({ length: keyCount }, (_, index) => `race/${index}`)
  const racers = ['first', 'second'].map((name) => ({ name, won: new Set<string>(), lost: new Set<string>() }))
  const faults: string[] = []
  const opened: Child[] = []
  const children = racers.map(({ name, won, lost }) => {
    const deeds = keys.map((key): Deed => ({ verb: 'create', key, maker: name }))
    const dies = name === 'second' ? eventCount : Number.MAX_SAFE_INTEGER
    const options = { directory, name, groups: deeds.map((deed) => [deed]), eventCount: dies, waits: true }
    return startChild({
      script: WORKER,
      args: [JSON.stringify(options)],
      waits: true,
      onLine: (text, child) => {
        const line = JSON.parse(text) as BlobLine
        if (line.type === 'opened') opened.push(child)
        if (line.type === 'opened' && opened.length === racers.length) for (const each of opened) each.go()
        if (line.type === 'fault') faults.push(line.text)
        if (line.type === 'ended') (line.code === 'ok' ? won : lost).add(line.deed.key)
      },
    })
  })
  const [first, second] = await Promise.all(children.map(({ ended }) => ended))
  if (first?.code !== 0) faults.push(`the first ended with ${first?.code}: ${first?.stderr}`)
  if (second?.signal !== 'SIGKILL') faults.push(`the second was not killed: ${second?.stderr}`)
  const store = await openFsStore({ directory, randomId: () => 'nobody' })
  for (const key of keys) {
    const text = await textAt(store, key)
    for (const { name, won, lost } of racers) {
      const isMine = text === textOf({ key, maker: name })
      if (won.has(key) && !isMine) faults.push(`${key} was the ${name}'s, and is ${text?.slice(0, 30)}`)
      if (lost.has(key) && isMine) faults.push(`${key} was said to be another's, and is the ${name}'s`)
    }
    if (!racers.some(({ name }) => text === textOf({ key, maker: name })))
      faults.push(`${key} is ${text?.slice(0, 30)}`)
  }
  return { faults, wonCounts: racers.map(({ won }) => won.size) }
}
