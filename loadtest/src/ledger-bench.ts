/**
 * The bench of the ledger: commits per second beside files that sync by themselves or not at all, one commit alone beside the
 * disk, and recovery after a kill. `npm run bench:ledger`; with `--quick` in half a minute.
 */
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { measureRates, type RatePlan } from './ledger/rates.ts'
import { measureRecovery, type TailPlan } from './ledger/recovery.ts'
import { ledgerReportOf } from './ledger/report.ts'
import { readBenchSettings } from './settings.ts'

const FULL: RatePlan = {
  tenantCount: 200,
  inFlight: 64,
  rounds: 5,
  sliceMs: 2_000,
  warmUpMs: 2_000,
  aloneCount: 500,
}

const QUICK: RatePlan = { ...FULL, rounds: 3, sliceMs: 700, warmUpMs: 1_000, aloneCount: 200 }

/** Tails of some 100 MiB: less than what makes the host checkpoint. */
const TAILS: readonly TailPlan[] = [
  { tenantCount: 200, commitCount: 8_000, kind: 'small' },
  { tenantCount: 200, commitCount: 4_500, kind: 'large' },
]

const { quick } = readBenchSettings(process.argv.slice(2))
const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
const rates = await measureRates(quick ? QUICK : FULL)
const recoveries = []
for (const tail of TAILS) recoveries.push(await measureRecovery(tail))
console.log(ledgerReportOf({ commit: machine.commit, machineLines: lines, ...rates, recoveries }))
