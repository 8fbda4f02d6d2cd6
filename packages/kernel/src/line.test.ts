/** A queue of many. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Line } from './line.ts'

it('gives everything back in the order in which it came, whenever it is asked', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat())), (acts) => {
      const line = new Line<number>()
      const model: number[] = []
      for (const act of acts) {
        if (act === null) expect(line.take()).toBe(model.shift())
        else {
          line.add(act)
          model.push(act)
        }
        expect(line.isEmpty).toBe(model.length === 0)
      }
    }),
  )
})
