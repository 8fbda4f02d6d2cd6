/** What is wrong with a snapshot in object storage. */

/** Says that a stored snapshot is not what was stored: its tenant is stopped for it, by this reason, which names no path. */
export class SnapshotDamage extends Error {
  override readonly name = 'SnapshotDamage'
}
