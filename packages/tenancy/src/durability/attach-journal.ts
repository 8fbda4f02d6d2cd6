/** Joins a file that was just opened to the host's ledger, and names it if it has to be named. */
import type { Incarnation, RandomId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { newLineage, readIdentity, writeIdentity } from '../identity.ts'
import type { HostLedger } from './host-ledger.ts'
import { Journal } from './journal.ts'

/** What joining a file to the ledger needs. */
export interface AttachContext {
  readonly ledger: HostLedger
  readonly randomId: RandomId
}

/**
 * The journal of `file`, which the catalog knows as `incarnation`. A new file gets its name. One whose last ledger ended
 * without a seal gets a new lineage: a commit that never reached that ledger has left no trace, and its number must not
 * come back as somebody else's (LEDGER P1).
 *
 * @throws TenaxError `data_format_newer`; InvariantError when the file is another's, or not where the ledger has it
 */
export function attachJournal(context: AttachContext, file: SqliteFile, incarnation: Incarnation): Journal {
  const { ledger, randomId } = context
  const { lineage, epoch, lsn } = readIdentity(file, incarnation)
  const fresh = lineage === undefined || epoch <= ledger.uncleanEpoch ? newLineage(randomId) : lineage
  const journal = Journal.attach({
    file,
    ledger,
    position: { incarnation, lineage: lineage ?? fresh, lsn },
    isNew: lineage === undefined,
  })
  try {
    if (lineage !== fresh) {
      journal.beginLineage(fresh)
      writeIdentity(file, { incarnation, lineage: fresh }, ledger.epoch)
    }
    return journal
  } catch (error) {
    journal.close()
    throw error
  }
}
