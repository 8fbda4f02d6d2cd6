/** Values of the engine's own rows: integers come as bigint, and the engine counts in numbers. */
import type { SqlValue } from '@tenax/kernel'
import { assert } from '@tenax/kernel'

/** An integer as it is bound. A JS number would be bound as REAL. */
export function int(value: number): bigint
export function int(value: number | undefined): bigint | null
export function int(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value)
}

/** A text, or NULL. */
export function orNull(value: string | undefined): string | null {
  return value ?? null
}

/** An integer column. */
export function numberIn(value: SqlValue | undefined): number {
  assert(typeof value === 'bigint', 'the column holds an integer')
  return Number(value)
}

/** An integer column that may be NULL. */
export function numberOrNothing(value: SqlValue | undefined): number | undefined {
  return typeof value === 'bigint' ? Number(value) : undefined
}

/** A text column. */
export function textIn(value: SqlValue | undefined): string {
  assert(typeof value === 'string', 'the column holds a text')
  return value
}

/** A text column that may be NULL. */
export function textOrNothing(value: SqlValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
