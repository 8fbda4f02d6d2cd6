/** Test D: a supervisor that kills a host again and again, starts it again, and looks at what came of its runs. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { parseTenantId, systemClock } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'
import { startChild } from '../child.ts'
import { openHost } from '../host.ts'
import type { AttemptLine } from './poison-workflows.ts'

/** Runs that are known by name. The first two are to be quarantined. */
export const NAMED = ['allocate', 'spin', 'honest'] as const

/** How large it is. */
export interface PoisonScale {
  readonly tenantCount: number
  readonly innocentCount: number
  /** Steps of each innocent, and the milliseconds that it sleeps behind each: so long they are in flight. */
  readonly roundCount: number
  readonly sleepMs: number
}

/** What came of it. */
export interface PoisonEnd {
  readonly lives: number
  readonly events: readonly { readonly type: string; readonly run?: string }[]
  readonly faults: readonly string[]
  /** Runs by how they stand in the end: their status, or why they are put aside. */
  readonly standings: ReadonlyMap<string, string>
  readonly attempts: readonly AttemptLine[]
}

const HOST = new URL('../fixtures/poison-worker.ts', import.meta.url)

/** Lives of the host: from when the innocents are in flight those in the first `killsMs` are ended every 2 s, later ones end by themselves. */
export async function poison(
  directory: string,
  scale: PoisonScale,
  { killsMs, livesMax }: { readonly killsMs: number; readonly livesMax: number },
): Promise<PoisonEnd> {
  const dataPath = join(directory, 'data')
  const path = join(directory, 'attempts')
  const events: { type: string; run?: string }[] = []
  const faults: string[] = []
  const startedMs = systemClock.monotonicMs()
  let isStarted = false
  let isPoisoned = false
  let isSettled = false
  let lives = 0
  while (!isSettled && faults.length === 0 && lives < livesMax) {
    lives += 1
    const host = startChild({
      script: HOST,
      args: [dataPath, path, isPoisoned ? 'go on' : 'start', JSON.stringify(scale)],
      env: { NODE_OPTIONS: '--max-old-space-size=160' },
      onLine(line, child) {
        const said = JSON.parse(line) as { type?: string; text?: string; event?: { type: string } }
        if (said.event !== undefined) events.push(said.event)
        if (said.type === 'started') isStarted = true
        if (said.type === 'poisoned') isPoisoned = true
        if (said.type === 'settled') isSettled = true
        if (said.type === 'fault') {
          faults.push(said.text ?? '')
          child.kill('SIGKILL') // its host is still open, and would serve on
        }
      },
    })
    const killed = systemClock.after(2_000, () => {
      if (isStarted && systemClock.monotonicMs() - startedMs < killsMs) host.kill('SIGKILL')
    })
    await host.ended
    killed.cancel()
  }
  if (!isSettled && faults.length === 0) faults.push(`not settled after ${lives} lives`)
  return { lives, events, faults, attempts: attemptsIn(path), standings: await standingsIn(dataPath, scale) }
}

function attemptsIn(path: string): AttemptLine[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as AttemptLine)
}

async function standingsIn(dataPath: string, { tenantCount }: PoisonScale): Promise<Map<string, string>> {
  const tenancy = await openHost({ dataPath, handlesMax: 8, shardCount: 4, tables: ENGINE_TABLES })
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, workflows: [], onEvent: () => undefined }
  const workflows = Workflows.create(parts)
  const found = new Map<string, string>()
  for (let index = 0; index < tenantCount; index += 1) {
    const { runs } = await workflows.list(parseTenantId(`t${index}`), { limit: 500 })
    for (const { id, status, blockedReason } of runs) found.set(id, blockedReason?.split(':')[0] ?? status)
  }
  await workflows.close()
  await tenancy.close()
  return found
}
