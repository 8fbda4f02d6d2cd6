/** What a host with workflows learns of its own end: before it, from the watch over its event loop (WORKFLOWS 28, 29). */
import { join } from 'node:path'
import { type LastEnd, readStallMark, watchLoop } from '@tenax/engine'
import type { HostSettings } from './options.ts'

/** What outlives a host that ended while a run stood on its event loop; beside its data. */
const STALL_MARK = 'stalled-run.json'

/** A watch that is kept until it is stopped. */
export interface Liveness {
  stop(): Promise<void>
}

/** Begins the watch. A host without workflows runs no code of its users, and needs none. */
export function beginLiveness(settings: HostSettings, epoch: number): Liveness {
  const { tenancy, workflows, stallKillMs, tellsStderr, onEvent } = settings
  if (workflows.length === 0) return { stop: async () => undefined }
  return watchLoop({
    ...{ markPath: join(tenancy.dataPath, STALL_MARK), epoch },
    ...{ killMs: stallKillMs, tellsStderr },
    onStall: (stalledMs, run) => onEvent({ type: 'loop_stalled', stalledMs, ...run }),
  })
}

/** How the process before this one ended. A mark counts only if it is of that process. */
export function lastEndOf({ tenancy }: HostSettings, { died }: { readonly died: number | undefined }): LastEnd {
  if (died === undefined) return { type: 'closed' }
  const mark = readStallMark(join(tenancy.dataPath, STALL_MARK))
  return { type: 'died', mark: mark?.epoch === died ? mark : undefined }
}
