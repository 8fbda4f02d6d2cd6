/** `tenax doctor`: what would keep Tenax from running well on this machine. */
import { type Clock, messageOf } from '@tenax/kernel'
import type { Finding, NamedFinding } from './doctor/check.ts'
import { checkClock, pauseThread } from './doctor/clock.ts'
import { checkDataDirectory, existingDirectory } from './doctor/data-directory.ts'
import { checkDescriptors, HANDLES_DEFAULT } from './doctor/descriptors.ts'
import { checkFreeSpace, checkSyncLatency } from './doctor/disk.ts'
import { checkEngine, checkNode } from './doctor/runtime.ts'
import { checkServer } from './doctor/server.ts'
import { CliError } from './failure.ts'
import { type CommandContext, print, printJson } from './io.ts'
import { escapeControls } from './table.ts'

export { HANDLES_DEFAULT, pauseThread }

/** What the doctor looks at, and by which means. */
export interface DoctorOptions {
  readonly url: string
  readonly dataDir: string
  readonly handleCount: number
  readonly nodeVersion: string
  readonly clock: Clock
  readonly pause: (forMs: number) => void
  readonly loadEngine: () => Promise<unknown>
}

/**
 * Runs all checks one after the other, since some of them measure, and shows what they found.
 *
 * @throws CliError `checks_failed` when one failed; a warning is none
 */
export async function runDoctor(context: CommandContext, options: DoctorOptions): Promise<void> {
  const checks: NamedFinding[] = []
  for (const [name, check] of checksOf(context, options)) {
    const finding = { name, ...(await findingOf(check)) }
    checks.push(finding)
    if (!context.json) print(context.io, formatFinding(finding))
  }
  const failedCount = checks.filter(({ status }) => status === 'fail').length
  if (context.json) printJson(context.io, { ok: failedCount === 0, checks: checks.map(jsonOf) })
  if (failedCount > 0) throw new CliError('checks_failed', `${failedCount} of ${checks.length} checks failed`)
}

type Check = () => Finding | Promise<Finding>

function checksOf({ client }: CommandContext, options: DoctorOptions): (readonly [name: string, check: Check])[] {
  const { dataDir, clock } = options
  return [
    ['node', () => checkNode(options.nodeVersion)],
    ['engine', () => checkEngine(options.loadEngine)],
    ['descriptors', () => checkDescriptors(options.handleCount)],
    ['data', () => checkDataDirectory(dataDir)],
    ['disk', async () => checkFreeSpace(await existingDirectory(dataDir))],
    ['fsync', async () => checkSyncLatency(await existingDirectory(dataDir), clock)],
    ['clock', () => checkClock(clock, options.pause)],
    ['server', () => checkServer(client, options.url)],
  ]
}

/** A check that cannot even look is a failed one. */
async function findingOf(check: Check): Promise<Finding> {
  try {
    return await check()
  } catch (error) {
    return { status: 'fail', message: messageOf(error) }
  }
}

function formatFinding({ name, status, message }: NamedFinding): string {
  return `${status.padEnd('fail'.length)}  ${name.padEnd('descriptors'.length)}  ${escapeControls(message)}`
}

function jsonOf({ name, status, message, facts }: NamedFinding): unknown {
  return { name, status, message, ...facts }
}
