import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryStore } from '@tenax/blobstore'
import { type Incarnation, type Lineage, parseIncarnation, parseLineage, systemClock } from '@tenax/kernel'
import type { EntryRecord, LedgerRecord } from '@tenax/ledger'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packChunk } from '../../archive/chunks.ts'
import { chunkKey, manifestKey } from '../../archive/keys.ts'
import { encodeManifest } from '../../archive/manifest.ts'
import type { SnapshotPlace } from '../../catalog-snapshots.ts'
import { COALESCED } from '../../durability/entry-flags.ts'
import { LedgerTails } from '../../durability/ledger-tails.ts'
import { idOf } from '../../fixtures/settings.ts'
import { directoryMaker } from '../../fixtures/test-bed.ts'
import { newRecord } from '../../lifecycle/create.ts'
import { ChainFiles } from './chain-files.ts'
import { settleTenant } from './settle-tenant.ts'

const newDirectory = directoryMaker()
const ID = idOf('acme')
const LINEAGE = parseLineage('lineage0000000000001') as Lineage
const FILES = 3

/** A file as its host has it: what every commit has made of it, played without any interruption. */
class ModelFile {
  readonly incarnation: Incarnation
  pages: number[] = []
  lsn = 0
  lineage = LINEAGE
  snapshot: SnapshotPlace | undefined

  constructor(index: number) {
    this.incarnation = parseIncarnation(`incarnation00000000${index}`) as Incarnation
  }

  /** The file's bytes: page n is full of the number that was last written to it. */
  bytes(): Buffer {
    return Buffer.concat(this.pages.map((mark, at) => pageOf(at + 1, mark)))
  }

  commit(change: { readonly marks: readonly number[]; readonly length: number }, mark: number): EntryRecord {
    const { length } = change
    const touched = new Set([1, ...change.marks.map((number) => (number % length) + 1)])
    for (let number = this.pages.length + 1; number <= length; number += 1) touched.add(number)
    this.pages.length = length
    for (const number of touched) this.pages[number - 1] = mark
    this.lsn += 1
    const pages = [...touched].map((number) => ({ number, bytes: pageOf(number, mark) }))
    const { incarnation, lineage, lsn } = this
    const checksum = checksumOfPages(1, this.bytes())
    const identity = { incarnation, lineage, parentLineage: lineage, lsn, databasePages: length }
    return { kind: 'entry', ...identity, checksum, cipher: 0, keyId: 0, flags: 0, pages }
  }
}

function pageOf(number: number, mark: number): Buffer {
  const bytes = Buffer.alloc(PAGE_BYTES)
  bytes.writeUInt32LE(number, 0)
  bytes.writeUInt32LE(mark, PAGE_BYTES - 4)
  return bytes
}

/** A record, and where it stands in the ledgers. */
interface Placed {
  readonly place: { readonly epoch: number; readonly seq: number }
  readonly record: LedgerRecord
}

/** A host. Of each ledger what a crash leaves unstored is lost for the store, but not for the disk. */
class ModelHost {
  readonly store = new MemoryStore(systemClock)
  readonly files = Array.from({ length: FILES }, (_, index) => new ModelFile(index))
  /** What is stored of the ledgers before this one. */
  #before: Placed[] = []
  /** The ledger on the disk. */
  #ledger: Placed[] = []
  #epoch = 1
  #mark = 0

  get stored(): readonly LedgerRecord[] {
    return [...this.#before, ...this.#ledger].map(({ record }) => record)
  }

  #append(record: LedgerRecord): void {
    this.#ledger.push({ place: { epoch: this.#epoch, seq: this.#ledger.length + 1 }, record })
  }

  commit(index: number, change: { readonly marks: readonly number[]; readonly length: number }): void {
    const file = this.files[index]
    if (file === undefined || (file.pages.length === 0 && file.lsn > 0)) return
    this.#mark += 1
    this.#append(file.commit(change, this.#mark))
  }

  checkpoint(index: number): void {
    const { incarnation, lineage, lsn, pages } = this.files[index] as ModelFile
    const place = { incarnation, lineage, lsn, databasePages: pages.length }
    this.#append({ kind: 'checkpoint', ...place, checksum: undefined, timeMs: 0 })
  }

  /** A start: some records at the end are not stored, and the new ledger begins with the tails of the one before. */
  restart(unstored: number): void {
    const seq = Math.max(0, this.#ledger.length - unstored)
    this.#before.push(...this.#ledger.slice(0, seq))
    const tails = new LedgerTails({ epoch: this.#epoch, seq })
    for (const { place, record } of this.#ledger) tails.take(place, record)
    this.#epoch += 1
    this.#ledger = []
    for (const { checksum, ...tail } of tails.files()) {
      const known = { parentLineage: tail.lineage, checksum: checksum ?? 0n, flags: COALESCED, cipher: 0, keyId: 0 }
      this.#append({ kind: 'entry', ...tail, ...known })
    }
  }

  /** The file as it is now goes into the store. Of an import nothing else ever does. */
  async snapshot(index: number): Promise<void> {
    const file = this.files[index] as ModelFile
    if (file.lsn === 0) return
    const { incarnation, lineage, lsn } = file
    const number = (file.snapshot?.number ?? 0) + 1
    const bytes = file.bytes()
    const origin = `origin${String(number).padStart(14, '0')}`
    const packed = await packChunk(bytes)
    const tenant = { id: ID, incarnation }
    await this.store.put(chunkKey(tenant, { origin, hash: packed.hash }), packed.bytes)
    const place = { number, lineage, lsn: BigInt(lsn) }
    const manifest = encodeManifest({
      ...{ ...place, tenantId: ID, incarnation, checksum: checksumOfPages(1, bytes), fileBytes: bytes.length },
      ...{ createdAtMs: 0, wakeAtMs: undefined, writer: { dataId: 'data', epoch: this.#epoch, nonce: origin } },
      chunks: [{ origin, hash: packed.hash, bytes: packed.bytes.length }],
    })
    await this.store.create(manifestKey(tenant, number), manifest)
    file.snapshot = place
  }

  /** A file that comes with a snapshot, and no entry. */
  async import(index: number, length: number): Promise<void> {
    const file = this.files[index] as ModelFile
    if (file.lsn > 0) return
    this.#mark += 1
    file.commit({ marks: [], length }, this.#mark)
    await this.snapshot(index)
  }
}

const length = fc.integer({ min: 1, max: 12 })
const marks = fc.array(fc.nat(50), { maxLength: 4 })
const index = fc.nat(FILES - 1)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('commit'), index, change: fc.record({ marks, length }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('checkpoint'), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot'), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), unstored: fc.nat(8) }) },
)

async function play(host: ModelHost, one: typeof step extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  if ('unstored' in one) host.restart(one.unstored)
  else if ('change' in one) host.commit(one.index, one.change)
  else if ('index' in one) await (one.kind === 'checkpoint' ? host.checkpoint(one.index) : host.snapshot(one.index))
}

test('whatever was committed, checkpointed, copied by starts and put into snapshots: each file is what an uninterrupted replay gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(length, { maxLength: FILES }),
      fc.array(step, { maxLength: 40 }),
      async (imports, steps) => {
        const host = new ModelHost()
        for (const [at, pages] of imports.entries()) if (pages % 2 === 0) await host.import(at, pages)
        for (const one of steps) await play(host, one)
        const directory = newDirectory()
        mkdirSync(join(directory, 'images'))
        const files = new ChainFiles(join(directory, 'images'))
        for (const entry of host.stored) files.take(entry)
        files.close()
        for (const { incarnation, lsn, snapshot, ...file } of host.files) {
          const path = join(directory, incarnation, 'file.db')
          const record = newRecord(ID, { incarnation, file: 'file' }, 'warm', 0)
          const context = { store: host.store, signal: new AbortController().signal }
          const settled = await settleTenant(context, { record, snapshot, entries: files.get(incarnation), path })
          const isArchived = snapshot?.lsn === BigInt(lsn)
          if (lsn === 0) expect(settled.as).toBe('nothing')
          else expect(settled).toEqual({ as: isArchived ? 'archived' : 'file' })
          if (settled.as === 'file') {
            const model = Object.assign(new ModelFile(0), file)
            expect(Buffer.compare(readFileSync(path), model.bytes())).toBe(0)
          }
        }
      },
    ),
    { numRuns: 100, seed: 41 },
  )
})
