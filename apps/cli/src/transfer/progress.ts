/** A progress bar on stderr, where somebody sees it. */
import type { JobResource } from '@tenax/client'
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

/** A job as it goes on: a bar at a terminal, else a line now and then; nothing with `--json`. */
export interface JobProgress {
  show(job: JobResource): void
  stop(): Promise<void>
}

/** A line for each of so many parts of the way. */
const LINE_PERCENT = 25

/** Shows nothing before the server has told of a first byte. */
export function showJob({ io, json }: Pick<CommandContext, 'io' | 'json'>, label: string): JobProgress {
  if (json) return { show: () => undefined, stop: async () => undefined }
  if (io.stderr.isTTY !== true) return lines(io.stderr, label)
  let bar: Promise<Bar> | undefined
  return {
    show({ progress }) {
      if (progress === null) return
      const { done, total } = progress
      bar ??= startBar(io.stderr, label, total)
      void bar.then((one) => {
        one.setTotal(total)
        one.update(done)
      })
    },
    stop: async () => (await bar)?.stop(),
  }
}

function lines(stream: NodeJS.WritableStream, label: string): JobProgress {
  let shownPercent = 0
  return {
    show({ progress, state }) {
      if (progress === null || progress.total === 0) return
      const { done, total } = progress
      // All of what is known by now is not the end: a further pass over the bytes may begin.
      const percent = state === 'succeeded' ? 100 : Math.min(99, Math.floor((100 * done) / total))
      if (percent < Math.min(100, shownPercent + LINE_PERCENT) || percent === shownPercent) return
      shownPercent = percent
      stream.write(`${label}  ${percent}%  ${formatBytes(done)} of ${formatBytes(total)}\n`)
    },
    stop: async () => undefined,
  }
}

interface Bar {
  update(value: number): void
  setTotal(total: number): void
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
