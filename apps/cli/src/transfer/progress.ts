/** A progress bar on stderr, where somebody sees it. */
import type { CommandContext } from '../io.ts'
import { formatBytes } from '../table.ts'

/** How far a transfer is. */
export interface Progress {
  readonly doneBytes: number
  add(bytes: number): void
  stop(): void
}

/** What is being moved. */
export interface ProgressOptions {
  readonly label: string
  /** Undefined when nobody knows yet. */
  readonly totalBytes: number | undefined
}

/** A bar that counts; without a terminal, or with `--json`, it only counts. */
export async function startProgress(
  { io, json }: Pick<CommandContext, 'io' | 'json'>,
  { label, totalBytes }: ProgressOptions,
): Promise<Progress> {
  const bar = io.stderr.isTTY === true && !json ? await startBar(io.stderr, label, totalBytes) : undefined
  let doneBytes = 0
  return {
    get doneBytes() {
      return doneBytes
    },
    add(bytes) {
      doneBytes += bytes
      bar?.update(doneBytes)
    },
    stop: () => bar?.stop(),
  }
}

interface Bar {
  update(value: number): void
  stop(): void
}

/** The library is loaded only when there is a bar to draw. */
async function startBar(stream: NodeJS.WritableStream, label: string, totalBytes: number | undefined): Promise<Bar> {
  const { SingleBar, Presets } = await import('cli-progress')
  const counts = totalBytes === undefined ? '{value}' : '[{bar}] {percentage}%  {value} of {total}'
  const options = {
    stream,
    format: `${label}  ${counts}`,
    hideCursor: true,
    formatValue: (value: number, _options: unknown, type: string) =>
      type === 'value' || type === 'total' ? formatBytes(value) : String(value),
  }
  const bar = new SingleBar(options, Presets.legacy)
  bar.start(totalBytes ?? 0, 0)
  return bar
}

/** The chunks of `source` unchanged, counted as they pass. */
export async function* metered(source: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    progress.add(chunk.byteLength)
    yield chunk
  }
}
