/**
 * The process in which a run is tried alone (WORKFLOWS 28). It has the tenant's file for itself; when the run kills it, or holds
 * its event loop for too long, nobody else is harmed, and everybody knows who it was. It never outlives its host.
 */
import { join } from 'node:path'
import { takeStrayException, takeStrayRejection, Workflows, watchLoop } from '@tenax/engine'
import { messageOf, parseTenantId, systemClock } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { LentTenant, standardSettings, systemRandomId } from '@tenax/tenancy'
import { definitionsOfModule } from '../load-workflows.ts'
import { CHILD_MARK, type ChildOptions, type ChildWord, STOP } from './child-port.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions

function say(word: ChildWord): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve()
    else process.send(word, undefined, undefined, () => resolve())
  })
}

async function main(): Promise<void> {
  const { directory, run, stallKillMs, parentPid } = options
  const tenant = parseTenantId(options.tenant)
  const { workflows: definitions, events } = await definitionsOfModule(options.module)
  const lent = LentTenant.open({
    ...{ directory, tenant, driver: libsqlDriver, clock: systemClock },
    ...{ settings: standardSettings('').file, pid: process.pid },
  })
  const watch = watchLoop({
    ...{ markPath: join(directory, CHILD_MARK), epoch: 0 },
    ...{ killMs: stallKillMs, parentPid, tellsStderr: true },
    onStall: () => undefined,
  })
  const done = Promise.withResolvers<void>()
  process.on('message', (message) => {
    if (message === STOP) done.resolve()
  })
  await say({ type: 'begun' })
  const workflows = Workflows.create({
    tenancy: {
      use: (id, fn) => lent.use(id, fn),
      // What wakes the tenant is its host's to know; here it says that the run waits.
      setWake: async (_, wakeAtMs) => (wakeAtMs === 0 ? undefined : done.resolve()),
      dueTenants: () => [{ id: tenant, wakeAtMs: 0 }],
    },
    ...{ clock: systemClock, randomId: systemRandomId, workflows: definitions, events, only: run },
    onEvent: (event) => {
      if (event.type === 'run_blocked' && event.run === run) done.resolve()
    },
  })
  void workflows.result(tenant, run, { timeoutMs: 300_000 }).then(
    (found) => (found.endedAtMs === undefined ? undefined : done.resolve()),
    () => done.resolve(),
  )
  await done.promise
  await workflows.close()
  await lent.close()
  await watch.stop()
  await say({ type: 'over' })
}

process.on('unhandledRejection', (error) => {
  if (!takeStrayRejection(error)) throw error
})
process.on('uncaughtException', (error) => {
  if (!takeStrayException(error)) throw error
})
main()
  .catch((error: unknown) => say({ type: 'unfit', reason: messageOf(error) }))
  .finally(() => process.disconnect())
