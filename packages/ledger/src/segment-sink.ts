/**
 * Where segments go for class `remote`: object storage, later. One sink is one ledger's place in it. Nothing in this
 * package calls it yet, and `Ledger.remoteSeq` stays 0.
 */

/** What became of a put. `taken`: another segment holds the id already; read it back to learn whose it is (LEDGER O2). */
export type PutOutcome = 'stored' | 'taken'

/** Segments by id, created once and never overwritten. */
export interface SegmentSink {
  /** Stores `bytes` as segment `segmentId`, unless the id is taken. Durable when it resolves. */
  put(segmentId: number, bytes: Uint8Array): Promise<PutOutcome>
  /** The bytes of a segment; undefined when there is none. */
  get(segmentId: number): Promise<Uint8Array | undefined>
  /** Removes the segments before `segmentId`. Again is harmless. Only ids below a durable watermark may go. */
  removeBefore(segmentId: number): Promise<void>
}
