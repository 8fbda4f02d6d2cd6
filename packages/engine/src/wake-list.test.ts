/** The list of who is due when, against one that sorts. */
import { parseTenantId, type TenantId } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { WakeList } from './wake-list.ts'

const deed = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'setBy'), tenant: fc.nat(9), atMs: fc.nat(50) }),
  fc.record({ kind: fc.constant('remove'), tenant: fc.nat(9), atMs: fc.constant(0) }),
  fc.record({ kind: fc.constant('take'), tenant: fc.constant(0), atMs: fc.nat(60) }),
)

it('gives each tenant once, in the order of the last times that were said, and forgets nobody', () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 400 }), (deeds) => {
      const list = new WakeList()
      const known = new Map<TenantId, number>()
      for (const { kind, tenant, atMs } of deeds) {
        const id = parseTenantId(`t${tenant}`)
        if (kind === 'set') {
          list.set(id, atMs)
          known.set(id, atMs)
        } else if (kind === 'setBy') {
          list.setBy(id, atMs)
          known.set(id, Math.min(atMs, known.get(id) ?? atMs))
        } else if (kind === 'remove') {
          list.set(id, undefined)
          known.delete(id)
        } else {
          const taken = list.takeDue(atMs)
          const due = [...known].filter(([, dueMs]) => dueMs <= atMs)
          expect(new Set(taken)).toEqual(new Set(due.map(([name]) => name)))
          expect(taken.length).toBe(due.length)
          const times = taken.map((name) => known.get(name) ?? 0)
          expect(times).toEqual(times.toSorted((a, b) => a - b))
          for (const name of taken) known.delete(name)
        }
        expect(list.nextMs).toBe(Math.min(...known.values()))
      }
    }),
  )
})
