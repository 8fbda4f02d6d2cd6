/**
 * The bench of workflows: runs of steps that do nothing over 200 tenants, many in flight and one at a time, beside single
 * commits over the same tenants. `npm run bench:workflows`; with `--quick` in a minute, with `--save` into `results/`.
 */
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { saveReport } from './bench/save-report.ts'
import { readBenchSettings } from './settings.ts'
import { measureRuns, type RunPlan } from './workflow/runs.ts'
import { runsReportOf } from './workflow/runs-report.ts'

const FULL: RunPlan = { tenantCount: 200, rounds: 5, sliceMs: 5_000, warmUpMs: 3_000 }
const QUICK: RunPlan = { ...FULL, rounds: 3, sliceMs: 2_000, warmUpMs: 1_000 }

const { quick, save } = readBenchSettings(process.argv.slice(2))
const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
const plan = quick ? QUICK : FULL
const rows = await measureRuns(plan)
const { tenantCount } = plan
const report = runsReportOf({ commit: machine.commit, machineLines: lines, tenantCount, rows })
console.log(report)
if (save) saveReport(report, `${machine.commit}-workflows`)
