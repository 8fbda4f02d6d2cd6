import { readFileSync } from 'node:fs'
import { parseIncarnation, parseLineage, parseTenantId } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { packChunk, unpackChunk } from './chunks.ts'
import { SnapshotDamage } from './damage.ts'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'

const GOLDEN = readFileSync(new URL('../fixtures/golden-manifest-1.json', import.meta.url))

function manifest(): Manifest {
  const [incarnation, lineage] = [parseIncarnation('incarnation0incarnat'), parseLineage('lineage0lineage0line')]
  if (incarnation === undefined || lineage === undefined) throw new Error('no ids')
  return {
    ...{ number: 7, tenantId: parseTenantId('acme'), incarnation, lineage, lsn: 9_007_199_254_740_993n },
    ...{ checksum: 0xabcn, fileBytes: 1_052_672, createdAtMs: 1_700_000_000_000, wakeAtMs: undefined },
    writer: { dataId: 'data0data0data0data0', epoch: 3, nonce: 'nonce0nonce0nonce0no' },
    chunks: [
      { origin: 'origin0origin0origin', hash: 'ab'.repeat(32), bytes: 700_000 },
      { origin: 'origin0origin0origin', hash: 'cd'.repeat(32), bytes: 31 },
    ],
  }
}

test('format 1 is what it was, and is read back', () => {
  expect(Buffer.from(encodeManifest(manifest())).toString()).toBe(GOLDEN.toString())
  expect(decodeManifest(GOLDEN)).toEqual(manifest())
})

test.each([
  ['a number too large', /"number": 7/, '"number": 100000000'],
  ['a chunk too few', /,\s*\{[^}]*\}\s*\]/, ']'],
  ['a hash that leads elsewhere', /"hash": "abab/, '"hash": "../a'],
  ['an origin that leads elsewhere', /"origin": "origin0/, '"origin": "../../o'],
  ['a tenant that is none', /"acme"/, '"../acme"'],
  ['a cipher', /"cipher": null/, '"cipher": "aes"'],
  ['a member that nobody knows', /"cipher"/, '"cypher"'],
  ['pages of another size', /"pageBytes": 4096/, '"pageBytes": 8192'],
  ['half a page', /"fileBytes": 1052672/, '"fileBytes": 1052673'],
  ['an LSN that is a number', /"lsn": "(\d+)"/, '"lsn": $1'],
])('%s is damage, and nothing is built from it', (_, from, to) => {
  const text = GOLDEN.toString()
  expect(text).toMatch(from)
  expect(() => decodeManifest(Buffer.from(text.replace(from, to)))).toThrow(SnapshotDamage)
})

test('a chunk that unpacks to more than a chunk is damage, and is not held in memory', async () => {
  const { hash, bytes } = await packChunk(new Uint8Array(8 * 1024 * 1024))
  const ref = { origin: 'a'.repeat(20), hash, bytes: bytes.byteLength }
  await expect(unpackChunk(bytes, ref, 4_096)).rejects.toThrow(SnapshotDamage)
})
