/**
 * The bench of sleeping runs: 100,000 over 10,000 tenants, `npm run bench:sleepers`; with `--quick` 5,000 over 500, in a minute
 * and a half.
 */
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { saveReport } from './bench/save-report.ts'
import { readBenchSettings } from './settings.ts'
import { measureSleepers, type SleepPlan } from './workflow/sleepers.ts'
import { sleepersReportOf } from './workflow/sleepers-report.ts'

const FULL: SleepPlan = { tenantCount: 10_000, runsPerTenant: 10, spreadMs: 600_000 }
const QUICK: SleepPlan = { tenantCount: 500, runsPerTenant: 10, spreadMs: 30_000 }

const { quick, save } = readBenchSettings(process.argv.slice(2))
const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
const figures = await measureSleepers(quick ? QUICK : FULL, (text) => console.error(text))
const report = sleepersReportOf({ commit: machine.commit, machineLines: lines, figures })
console.log(report)
if (save) saveReport(report, `${machine.commit}-sleepers`)
