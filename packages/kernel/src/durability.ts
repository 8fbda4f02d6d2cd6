/** When a write is acknowledged, from the weakest promise to the strongest (LEDGER G1). */

/**
 * The durability classes in order of strength. `relaxed`: committed. `local`: fsynced in the ledger of this machine, with
 * everything that the ledger holds before it. `remote`: in object storage as well.
 */
export const DURABILITY_CLASSES = ['relaxed', 'local', 'remote'] as const

/** When a write is acknowledged. */
export type DurabilityClass = (typeof DURABILITY_CLASSES)[number]

/** The durability class that `value` names; undefined when it names none. */
export function parseDurabilityClass(value: unknown): DurabilityClass | undefined {
  return DURABILITY_CLASSES.find((known) => known === value)
}

/**
 * The stronger of two classes: a request can raise a tenant's class, never lower it.
 *
 * @example
 * strongerClass('local', 'relaxed') // 'local'
 */
export function strongerClass(one: DurabilityClass, other: DurabilityClass): DurabilityClass {
  return DURABILITY_CLASSES.indexOf(one) >= DURABILITY_CLASSES.indexOf(other) ? one : other
}
