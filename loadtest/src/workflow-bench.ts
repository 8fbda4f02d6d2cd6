/**
 * The bench of workflows: runs of three steps that do nothing over 200 tenants, 64 in flight, beside single commits over the
 * same tenants. `npm run bench:workflows`; with `--quick` in half a minute.
 */
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { readBenchSettings } from './settings.ts'
import { measureRuns, type RunPlan } from './workflow/runs.ts'

const FULL: RunPlan = { tenantCount: 200, inFlight: 64, rounds: 5, sliceMs: 5_000, warmUpMs: 3_000 }
const QUICK: RunPlan = { ...FULL, rounds: 3, sliceMs: 2_000 }

const { quick } = readBenchSettings(process.argv.slice(2))
const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
const rows = await measureRuns(quick ? QUICK : FULL)
const table = rows.map(
  ({ side, perSecond, p50Ms, p99Ms, processorUs }) =>
    `| ${side} | ${perSecond.toFixed(0)} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${processorUs.toFixed(0)} |`,
)
console.log(
  [
    `Commit ${machine.commit}.`,
    ...lines,
    '',
    '| one | per second | p50 ms | p99 ms | processor µs |',
    '|---|---|---|---|---|',
    ...table,
  ].join('\n'),
)
