import { parseIncarnation } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { idOf } from '../fixtures/settings.ts'
import { systemRandomId } from '../system-ids.ts'
import { Layout, shardOf } from './layout.ts'

it('paths are what the head of the module says', () => {
  const layout = new Layout('data')
  const incarnation = parseIncarnation('a'.repeat(20))
  expect([layout.identity, layout.lock, layout.upload('n'), layout.catalog(7)]).toEqual([
    'data/tenax.json',
    'data/host.lock',
    'data/uploads/n.sqlite',
    'data/shards/07/catalog.db',
  ])
  expect(incarnation && layout.tenantFile(12, { incarnation, file: 'f' })).toBe(`data/shards/12/${'a'.repeat(20)}/f.db`)
})

it('shardOf() never changes for an id: these are the shards of released data directories', () => {
  expect(['acme', 'a', 'tenant-1', 'z9_x'].map((id) => shardOf(idOf(id), 16))).toEqual([14, 3, 15, 14])
})

it('shardOf() stays within the count and spreads ids evenly', () => {
  const counts = new Map<number, number>()
  for (let n = 0; n < 16_000; n += 1) {
    const shard = shardOf(idOf(`tenant-${n}`), 16)
    counts.set(shard, (counts.get(shard) ?? 0) + 1)
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, shard) => shard))
  for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]{4,20}$/), fc.integer({ min: 1, max: 99 }), (id, shards) => {
      const shard = shardOf(idOf(id), shards)
      return Number.isInteger(shard) && shard >= 0 && shard < shards
    }),
  )
})

it('systemRandomId() makes incarnations, no two alike', () => {
  const ids = Array.from({ length: 1_000 }, systemRandomId)
  expect(ids.every((id) => parseIncarnation(id) !== undefined)).toBe(true)
  expect(new Set(ids).size).toBe(1_000)
})
