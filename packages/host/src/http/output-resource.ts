/** What runs put out, as the contract shows it. */
import type { FeedItem, OutputRecord } from '@tenax/engine'
import type { OutputEvent, RunOutput } from '@tenax/protocol'

/** Something that is recorded. */
export function outputResource({ seq, type, atMs, message = '', value = null }: OutputRecord): RunOutput {
  const at = timeOf(atMs)
  return type === 'emit' ? { type, seq, at, value } : { type, seq, at, message, data: value }
}

/** Something that comes in a stream. */
export function eventResource(item: FeedItem): OutputEvent {
  if (item.type === 'end') return { type: 'end', status: item.status, successor: item.successor ?? null }
  if (item.type === 'change') return item
  if (item.type !== 'live') return outputResource(item)
  const { type, step, attempt, atMs, value } = item
  return { type, at: timeOf(atMs), step, attempt, value }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
