/**
 * A store in a directory under kill -9: one process after another opens it, does the same kinds of deeds and dies, each at a later
 * event of the file system. A blob is whole or not there; what was told to be stored or deleted is.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openFsStore } from '@tenax/blobstore'
import { startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'
import type { BlobLifeOptions, BlobLine, Deed } from './blob-life.ts'
import { BlobOracle } from './blob-oracle.ts'

const WORKER = new URL('../fixtures/blob-worker.ts', import.meta.url)

/** Events between the deaths of two lives, and the most of one life: with more, something does not end. */
export interface SweepOptions {
  readonly stride: number
  readonly eventsMax: number
}

/** What came of it. `leftoverCount`: lives that left half of a write behind. */
export interface SweepReport {
  readonly faults: readonly string[]
  readonly deathCount: number
  readonly leftoverCount: number
}

/** Goes over all events of a life, until one of them gets home. */
export async function sweepBlobs({ stride, eventsMax }: SweepOptions): Promise<SweepReport> {
  using scratch = scratchDirectory()
  const directory = join(scratch.path, 'store')
  const oracle = new BlobOracle()
  let deathCount = 0
  let leftoverCount = 0
  for (let life = 0, isHome = false; !isHome; life++) {
    const eventCount = 1 + life * stride
    const options = { directory, name: `life${life}`, groups: deedsOf(life), eventCount, waits: false }
    isHome = await liveOnce(options, oracle)
    if (!isHome) deathCount += 1
    if (incomingCount(directory) > 0) leftoverCount += 1
    const store = await openFsStore({ directory, randomId: () => 'nobody' })
    if (incomingCount(directory) > 0) oracle.faults.push(`event ${eventCount}: a start has left something`)
    await oracle.compare(store, `event ${eventCount}`)
    if (eventCount > eventsMax) throw new Error(`a life has more than ${eventsMax} events`)
  }
  return { faults: oracle.faults, deathCount, leftoverCount }
}

/** All verbs: alone and side by side, on keys that are new, taken and gone, below directories that come and go. */
function deedsOf(life: number): Deed[][] {
  const create = (key: string, maker = `life ${life}`): Deed => ({ verb: 'create', key, maker })
  const put = (key: string): Deed => ({ verb: 'put', key, maker: 'anybody' })
  const remove = (key: string): Deed => ({ verb: 'delete', key, maker: 'nobody' })
  return [
    [create(`new/${life}/a`)],
    [create('taken/once')],
    [put(`chunks/${life % 3}`), create(`side/${life}/a`), create(`side/${life}/b`)],
    [remove(`new/${life}/a`), remove(`chunks/${(life + 1) % 3}`), put(`chunks/${life % 3}`)],
    [create(`new/${life}/a`, 'the second')],
  ]
}

async function liveOnce(options: BlobLifeOptions, oracle: BlobOracle): Promise<boolean> {
  let isHome = false
  const child = startChild({
    script: WORKER,
    args: [JSON.stringify(options)],
    onLine: (text) => {
      const line = JSON.parse(text) as BlobLine
      if (line.type === 'began') oracle.began(line.deed)
      if (line.type === 'ended') oracle.ended(line.deed, line.code)
      if (line.type === 'fault') oracle.faults.push(line.text)
      if (line.type === 'home') isHome = true
    },
  })
  const { signal, code, stderr } = await child.ended
  if (signal !== 'SIGKILL' && code !== 0) oracle.faults.push(`event ${options.eventCount}: ${stderr}`)
  return isHome
}

function incomingCount(directory: string): number {
  try {
    return readdirSync(join(directory, '.incoming')).length
  } catch {
    return 0 // the first lives die before it is made
  }
}
