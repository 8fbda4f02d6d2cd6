import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LOAD_TENANTS, verbOf } from './fixtures/load-child.ts'
import { idOf } from './fixtures/settings.ts'
import { codeOf, directoryMaker, type OpenTenancy, tenancyMaker } from './fixtures/test-bed.ts'

const CHILD = fileURLToPath(new URL('./fixtures/load-child.ts', import.meta.url))
const newDirectory = directoryMaker()
const newTenancy = tenancyMaker()
type State = readonly number[] | undefined

/** What a tenant holds after each of its steps: rows of step numbers, or nothing at all. */
function stateAfter(state: State, step: number): State {
  const verb = verbOf(step)
  if (verb === 'create') return []
  if (verb === 'delete') return undefined
  if (verb === 'import') return [step, step]
  return [...(state ?? []), step, ...(verb === 'transaction' ? [step] : [])]
}

/** Runs the load and kills it after so many lines. Gives, by tenant, the last step that began and the last that was done. */
async function killedAfter(dataPath: string, lines: number) {
  const child = spawn(process.execPath, [CHILD, dataPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const steps = new Map(LOAD_TENANTS.map((id) => [id, { begun: -1, done: -1 }]))
  let count = 0
  for await (const line of createInterface(child.stdout)) {
    const [what, id = '', step] = line.split(' ')
    const known = steps.get(id)
    if (known !== undefined && what === 'begin') known.begun = Number(step)
    if (known !== undefined && what === 'done') known.done = Number(step)
    count += 1
    if (count === lines) child.kill('SIGKILL')
  }
  expect((await exited)[1]).toBe('SIGKILL')
  return steps
}

async function stateOf({ tenancy, sql }: OpenTenancy, id: string): Promise<State> {
  if ((await codeOf(() => tenancy.get(idOf(id)))) === 'tenant_not_found') return undefined
  expect(await sql(idOf(id), 'PRAGMA integrity_check')).toEqual([['ok']])
  return (await sql(idOf(id), 'SELECT n FROM t ORDER BY rowid')).map(([n]) => Number(n))
}

describe('kill -9 under load', () => {
  it.each([61, 144])(
    'after %i lines: what was acknowledged is there, what was not is all there or not at all',
    async (lines) => {
      const dataPath = newDirectory()
      const steps = await killedAfter(dataPath, lines)
      const after = await newTenancy({
        dataPath,
        migrations: [{ name: '0001', sql: 'CREATE TABLE IF NOT EXISTS t(n)' }],
      })
      for (const [id, { begun, done }] of steps) {
        let acknowledged: State
        for (let step = 0; step <= done; step += 1) acknowledged = stateAfter(acknowledged, step)
        const allowed = begun > done ? [acknowledged, stateAfter(acknowledged, begun)] : [acknowledged]
        expect(allowed).toContainEqual(await stateOf(after, id))
      }
      await after.tenancy.close()
      expect((await newTenancy({ dataPath })).events).toEqual([])
    },
  )
})
