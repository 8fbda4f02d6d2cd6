/**
 * The bench of fairness between tenants: `npm run bench:fairness`, two minutes and a half; with `--quick` in forty seconds, with
 * `--save` into `results/`.
 */
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { saveReport } from './bench/save-report.ts'
import { readBenchSettings } from './settings.ts'
import { type FairPlan, measureFairness } from './workflow/fairness.ts'
import { fairnessReportOf } from './workflow/fairness-report.ts'

const FULL: FairPlan = { otherCount: 20, backlogCount: 20_000, rounds: 4, phaseMs: 15_000, sliceMs: 4_000 }
const QUICK: FairPlan = { ...FULL, rounds: 1, sliceMs: 2_000 }

const { quick, save } = readBenchSettings(process.argv.slice(2))
const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
const figures = await measureFairness(quick ? QUICK : FULL, (text) => console.error(text))
const report = fairnessReportOf({ commit: machine.commit, machineLines: lines, figures })
console.log(report)
if (save) saveReport(report, `${machine.commit}-fairness`)
