/** `tenax export`. */
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import type { Download } from '@tenax/client'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson } from '../io.ts'
import { formatBytes } from '../table.ts'
import { type Interrupt, listenForInterrupt } from './interrupt.ts'
import { writeNewFile } from './new-file.ts'
import { metered, startProgress } from './progress.ts'

/** What to export, and where to. */
export interface ExportOptions {
  readonly tenantId: string
  /** `-` is stdout. Default `<tenant>.sqlite` in the working directory. */
  readonly file: string | undefined
  readonly force: boolean
  /** Whether the tenant is suspended and its workflows are held first. */
  readonly move?: boolean | undefined
}

/** Writes one consistent copy of a tenant's database. */
export async function exportTenant(context: CommandContext, options: ExportOptions): Promise<void> {
  const { tenantId, file = `${tenantId}.sqlite`, force, move } = options
  using interrupt = listenForInterrupt()
  if (file === '-') {
    await exportToStdout(context, { tenantId, move }, interrupt)
    return
  }
  let bytes = 0
  await writeNewFile({ path: file, force }, async (handle) => {
    const download = await context.client.tenants.export(tenantId, { move })
    bytes = await receive({ context, tenantId, interrupt }, download, (chunks) => handle.writeFile(chunks))
  })
  if (context.json) printJson(context.io, { id: tenantId, file, bytes })
  else print(context.io, `exported ${tenantId} to ${file}, ${formatBytes(bytes)}`)
  if (move && !context.json) {
    print(
      context.io,
      `${tenantId} is suspended here, its workflows held. Where it goes: tenax import <tenant> ${file} --release`,
    )
    print(context.io, `To go on here instead: tenax tenants resume ${tenantId}, then tenax runs release ${tenantId}`)
  }
}

async function exportToStdout(
  context: CommandContext,
  { tenantId, move }: Pick<ExportOptions, 'tenantId' | 'move'>,
  interrupt: Interrupt,
): Promise<void> {
  const { stdout } = context.io
  if (stdout.isTTY === true) throw CliError.usage('a database is not for a terminal', 'name a file, or pipe stdout')
  const download = await context.client.tenants.export(tenantId, { move })
  await receive({ context, tenantId, interrupt }, download, async (chunks) => {
    for await (const chunk of chunks) if (!stdout.write(chunk)) await once(stdout, 'drain')
  })
}

interface Receiver {
  readonly context: CommandContext
  readonly tenantId: string
  readonly interrupt: Interrupt
}

/** The number of bytes received. Ctrl-C ends it with `interrupted`. */
async function receive(
  { context, tenantId, interrupt: { signal } }: Receiver,
  download: Download,
  write: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<number> {
  const progress = await startProgress(context, { label: `export ${tenantId}`, totalBytes: download.bytes })
  try {
    await pipeline(metered(download.body, progress), write, { signal })
  } catch (error) {
    if (signal.aborted) throw new CliError('interrupted', 'interrupted; no file was left behind')
    throw error
  } finally {
    progress.stop()
  }
  return progress.doneBytes
}
