import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openHost } from '../host.ts'
import { scratchDirectory } from '../scratch.ts'
import { crashPoints, dieAt, pointsWithIntent, prepareBench } from './crash-points.ts'
import { faultsOf } from './data-check.ts'
import { FULL, faultsOfPoints, OUTCOMES } from './point-claims.ts'
import { stateOf, TARGET, VERB_MIGRATIONS } from './verbs.ts'

for (const verb of ['import_new', 'suspend', 'resume', 'migrate'] as const) {
  test(`${verb}: at every crash point the restart finishes or undoes it`, async () => {
    expect(await faultsOfPoints(verb)).toEqual([])
  })
}

for (const verb of ['create', 'delete', 'import_over'] as const) {
  test(`${verb}: a recovery that is killed at any point is done by the next one`, async () => {
    using scratch = scratchDirectory()
    const bench = await prepareBench(verb, scratch.path)
    const points = await pointsWithIntent(bench)
    const { before, after } = OUTCOMES[verb]
    expect(points.length).toBeGreaterThan(0)
    // The first point has the least on disk and the last the most.
    for (const crashed of new Set([points.at(0), points.at(-1)])) {
      const recovering = { ...bench, verb: 'open', basePath: join(scratch.path, `intent-${crashed}`) } as const
      for await (const point of crashPoints({ ...recovering, copiesPath: join(scratch.path, `of-${crashed}`) })) {
        const where = `${verb} died at ${crashed}, its recovery at ${point.statementCount}`
        expect(point.target, where).toBe(verb === 'delete' ? after : before)
        expect(point.neighbour, where).toBe(FULL)
        expect(point.faults, where).toEqual([])
      }
    }
  })
}

test('a first start that is killed at any point leaves a directory that the next start takes', async () => {
  using scratch = scratchDirectory()
  const { strangerPath } = await prepareBench('open', scratch.path)
  const bench = {
    verb: 'open',
    basePath: join(scratch.path, 'nothing'),
    strangerPath,
    copiesPath: scratch.path,
  } as const
  expect(existsSync(bench.basePath)).toBe(false)
  for (let statementCount = 1, done = false; !done; statementCount += 1) {
    const dataPath = join(scratch.path, `first-${statementCount}`)
    done = await dieAt(bench, dataPath, statementCount)
    const tenancy = await openHost({ dataPath, handlesMax: 4, shardCount: 1, migrations: VERB_MIGRATIONS })
    await tenancy.create(TARGET)
    expect(await stateOf(tenancy, TARGET)).toBe(OUTCOMES.create.after)
    await tenancy.close()
    expect(faultsOf(dataPath)).toEqual([])
  }
})
