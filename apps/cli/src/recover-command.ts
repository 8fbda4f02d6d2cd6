/** `tenax recover`: a lost data directory, made anew from object storage. Native code is loaded only here. */
import type { CommandContext } from './io.ts'
import { print, printJson } from './io.ts'
import { formatBytes, formatFields } from './table.ts'

/** What the command line says. */
export interface RecoverCommand {
  readonly from: string
  readonly data?: string
  readonly dataId?: string
}

/** @throws TenaxError as `recoverData`; nothing has appeared in the directory then */
export async function recover({ io, json }: Pick<CommandContext, 'io' | 'json'>, argv: RecoverCommand): Promise<void> {
  const [{ readRecovery }, { recoverData }] = await Promise.all([import('@tenax/server'), import('tenax')])
  const recovery = await recoverData(readRecovery(argv))
  if (json) return printJson(io, recovery)
  const { tenantCount, archivedCount, materialisedCount, stoppedCount, objectCount, objectBytes, durationMs } = recovery
  const fields = [
    ['data id', recovery.dataId],
    ['tenants', String(tenantCount)],
    ['in object storage', `${archivedCount}, back with their first use`],
    ['with their file', String(materialisedCount)],
    ['stopped', stoppedCount === 0 ? '0' : `${stoppedCount}: tenax tenants list --state quarantined says why`],
    ['read', `${objectCount} objects, ${formatBytes(objectBytes)}, in ${(durationMs / 1_000).toFixed(1)} s`],
  ] as const
  for (const line of formatFields(fields)) print(io, line)
}
