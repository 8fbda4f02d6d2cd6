import { expect, test } from 'vitest'
import { selfTimes } from './cpu-profile.ts'

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
})

test('selfTimes() adds up samples by function and by place, and leaves idle time out', () => {
  const profile = {
    nodes: [
      frame(1, '(idle)', ''),
      frame(2, 'use', 'file:///x/packages/tenancy/src/pool.ts'),
      frame(3, 'get', 'file:///x/node_modules/.pnpm/libsql@1/node_modules/libsql/compat.js'),
      frame(4, 'write', ''),
    ],
    samples: [1, 2, 3, 3, 4],
    timeDeltas: [9000, 1000, 2000, 3000, 500],
  }
  const { busyMs, functions, places } = selfTimes(profile)
  expect(busyMs).toBe(6.5)
  expect(functions[0]).toEqual({ name: 'get  libsql/compat.js:10', selfMs: 5 })
  expect(places.map(({ name }) => name)).toEqual(['libsql', 'packages/tenancy', 'native code'])
})

test('selfTimes() refuses what is no profile', () => {
  expect(() => selfTimes({})).toThrow('not a profile')
})
