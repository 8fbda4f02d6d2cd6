/** All stores against a map: whatever is done in whatever order, they hold the same. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '@tenax/kernel'
import fc from 'fast-check'
import { afterAll, test } from 'vitest'
import type { BlobStore } from './blob-store.ts'
import { openFsStore } from './drivers/fs.ts'
import { openS3Store } from './drivers/s3.ts'
import { bytesOf, codeOf, keysOf, textAt } from './fixtures/contract-store.ts'
import { FakeS3 } from './fixtures/fake-s3.ts'
import { countedIds } from './fixtures/random-ids.ts'
import { MemoryStore } from './memory-store.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tenax-blobs-'))
const fake = new FakeS3()
const settings = await fake.start()
const clock = new ManualClock()
const randomId = countedIds('model')
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
  fake.stop()
})

let count = 0
const STORES: readonly [string, () => Promise<BlobStore>][] = [
  ['memory', async () => new MemoryStore(clock)],
  ['fs', () => openFsStore({ directory: join(scratch, String(count++)), randomId })],
  ['s3', () => openS3Store({ settings: { ...settings, prefix: `model/${count++}` }, randomId, clock })],
]

/** None continues another, and their order is not that of a walk. */
const keys = fc.constantFrom('a/b/c', 'a/b-c', 'a/b.c', 'a/b0', 'a-b', 'b', 'c/d/e/f', 'c/d/e/g')
const prefixes = fc.constantFrom('', 'a/', 'a/b/', 'c/', 'c/d/e/', 'd/')

const steps = fc.array(
  fc.oneof(
    fc.record({ verb: fc.constantFrom('create', 'put', 'delete', 'get'), key: keys }),
    fc.record({ verb: fc.constant('list'), prefix: prefixes, after: fc.option(keys) }),
  ),
  { maxLength: 15 },
)
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never

/** What a store answers, as text. What is put or created under a key is the key itself, so that a put may come again. */
async function answerOf(store: BlobStore, step: Step): Promise<string> {
  if ('prefix' in step) return (await keysOf(store, step.prefix, step.after ?? undefined)).join()
  const { verb, key } = step
  if (verb === 'get') return (await textAt(store, key)) ?? 'none'
  if (verb === 'delete') return codeOf(store.delete(key))
  return codeOf(verb === 'put' ? store.put(key, bytesOf(key)) : store.create(key, bytesOf(key)))
}

function expectedOf(map: Set<string>, step: Step): string {
  if ('prefix' in step) {
    const { prefix, after } = step
    const listed = [...map].filter((key) => key.startsWith(prefix) && (after === null || key > after))
    return listed.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join()
  }
  const { verb, key } = step
  const isThere = map.has(key)
  if (verb === 'get') return isThere ? key : 'none'
  if (verb === 'delete') map.delete(key)
  else map.add(key)
  return verb === 'create' && isThere ? 'blob_exists' : 'ok'
}

test.each(STORES)('%s answers as a map would', async (_name, make) => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const store = await make()
      const map = new Set<string>()
      for (const [index, step] of all.entries()) {
        const expected = expectedOf(map, step)
        const answer = await answerOf(store, step)
        if (answer !== expected) throw new Error(`step ${index}: ${answer} instead of ${expected}`)
      }
      await store.close()
    }),
    { numRuns: 60 },
  )
})
