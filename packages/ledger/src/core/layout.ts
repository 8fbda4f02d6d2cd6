/** Sizes and fixed bytes of the ledger's format. FORMAT.md beside this package's README is the full description. */
import { MIB_BYTES } from '@tenax/kernel'

/** The version of the format that this code writes, and the newest that it reads. */
export const FORMAT_VERSION = 1

/** Length of a segment's header, its hash in the last 8 bytes; the same in every version. */
export const SEGMENT_HEADER_BYTES = 512

/** Length of a batch's header, its hash in the last 8 bytes. */
export const BATCH_HEADER_BYTES = 80

/** Length of what stands before each record: kind, flags, length. */
export const RECORD_HEADER_BYTES = 8

/** Length of the fixed part of an entry's payload, before page numbers and pages. */
export const ENTRY_FIXED_BYTES = 108

/** Length of a database page. */
export const PAGE_BYTES = 4096

/** Length of a page with its number, as an entry holds it. */
export const NUMBERED_PAGE_BYTES = PAGE_BYTES + 4

/** Largest record, and so the largest part of an entry: one part never fills a batch. */
export const PART_BYTES_MAX = MIB_BYTES

/** Largest body of a batch that a reader believes, so that a damaged length cannot take all memory. */
export const BODY_BYTES_MAX = 64 * MIB_BYTES

/** Random ids (incarnation, lineage, nonce, data id) are this many ASCII characters. */
export const ID_BYTES = 20

/** Predecessors whose cut one segment header can name. */
export const CUTS_MAX = 8

/** Ledgers before it that one stored object can name. */
export const PREDECESSORS_MAX = 8

/** First bytes of a segment. */
export const SEGMENT_MAGIC = 'TENAXSEG'

/** First bytes of a batch. */
export const BATCH_MAGIC = 'TENAXBAT'
