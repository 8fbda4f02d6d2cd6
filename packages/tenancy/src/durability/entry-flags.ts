/** What tenancy says in the flags of a ledger's entries; the ledger itself does not read them (its FORMAT.md). */

/** The entry holds the last images of many commits: recovery wrote it. */
export const COALESCED = 1

/** Nobody knew the page checksum: its field is 0 and means nothing. */
export const NO_CHECKSUM = 2

/**
 * Goes with `COALESCED`: entries before it count no more, because the ledgers had let go of the file between, and that was not stored.
 * It builds on a snapshot, or on nothing.
 */
export const FRESH = 4

/** The checksum of an entry and the flag that goes with it. */
export function checksumFields(checksum: bigint | undefined): { readonly checksum: bigint; readonly flags: number } {
  return checksum === undefined ? { checksum: 0n, flags: NO_CHECKSUM } : { checksum, flags: 0 }
}

/** The page checksum that an entry carries; undefined when it carries none. */
export function checksumOf({ checksum, flags }: { checksum: bigint; flags: number }): bigint | undefined {
  return (flags & NO_CHECKSUM) === 0 ? checksum : undefined
}
