/** The disk under the data directory: room, and how long it takes to make 4 KiB durable. */
import { open, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, MIB_BYTES } from '@tenax/kernel'
import { formatBytes } from '../table.ts'
import type { Finding } from './check.ts'

/** Below this, a checkpoint or an import may fail at any time. */
const FREE_BYTES_MIN = 256 * MIB_BYTES

/** Below this, somebody should make room. */
const FREE_BYTES_GOOD = 2048 * MIB_BYTES

/** How often the disk is asked to make a page durable. */
export const SYNC_ROUNDS = 200

const SYNC_BYTES = 4096

/** A group commit waits for one fdatasync: beyond this, writes are slow, though safe. */
const SYNC_SLOW_MS = 20

/** A disk that answers faster than any cable does not ask the device. */
const SYNC_IMPLAUSIBLE_MS = 0.005

/** Room on the disk of `directory`. */
export async function checkFreeSpace(directory: string): Promise<Finding> {
  const { bavail, bsize, blocks } = await statfs(directory)
  return judgeFreeSpace({ freeBytes: bavail * bsize, totalBytes: blocks * bsize })
}

/** Whether so much room is enough. */
export function judgeFreeSpace({ freeBytes, totalBytes }: { freeBytes: number; totalBytes: number }): Finding {
  const facts = { freeBytes, totalBytes }
  const message = `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`
  if (freeBytes < FREE_BYTES_MIN) return { status: 'fail', message: `${message}: make room before writing`, facts }
  if (freeBytes < FREE_BYTES_GOOD) return { status: 'warn', message: `${message}: make room soon`, facts }
  return { status: 'ok', message, facts }
}

/** The latency of fdatasync in `directory`, measured over {@link SYNC_ROUNDS} writes of 4 KiB one after the other. */
export async function checkSyncLatency(directory: string, clock: Clock): Promise<Finding> {
  return judgeSyncLatency(await measureSync(directory, clock))
}

async function measureSync(directory: string, clock: Clock): Promise<number[]> {
  const path = join(directory, `.tenax-doctor-${process.pid}`)
  const file = await open(path, 'wx')
  try {
    // Without its name the file goes away with this process, however that ends.
    await unlink(path)
    const page = new Uint8Array(SYNC_BYTES)
    const tookMs: number[] = []
    for (let round = 0; round < SYNC_ROUNDS; round++) {
      page.fill(round)
      const startMs = clock.monotonicMs()
      await file.write(page, 0, SYNC_BYTES, round * SYNC_BYTES)
      await file.datasync()
      tookMs.push(clock.monotonicMs() - startMs)
    }
    return tookMs
  } finally {
    await file.close()
  }
}

/** What so many measurements say. */
export function judgeSyncLatency(tookMs: readonly number[]): Finding {
  const p50Ms = percentile(tookMs, 50)
  const p99Ms = percentile(tookMs, 99)
  const facts = { rounds: tookMs.length, p50Ms, p99Ms }
  const message = `write and fdatasync of 4 KiB: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`
  if (p50Ms < SYNC_IMPLAUSIBLE_MS) {
    return { status: 'warn', message: `${message}: too fast to be durable, is this memory?`, facts }
  }
  if (p50Ms > SYNC_SLOW_MS) return { status: 'warn', message: `${message}: every write waits so long`, facts }
  return { status: 'ok', message, facts }
}

/** The smallest value that `percent` of `values` do not exceed (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}
