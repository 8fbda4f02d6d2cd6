/** `tenax runs watch`: what a run does and puts out, line by line as it comes, until it has ended. */
import type { OutputEvent, RunDetail, RunStep } from '@tenax/client'
import { CliError } from '../failure.ts'
import { type CliIo, type CommandContext, print, printJson, toJson } from '../io.ts'
import { escapeControls } from '../table.ts'
import { formatDuration } from './duration.ts'
import { outcomeOf } from './show-command.ts'

/** Which run. */
export interface WatchArguments {
  readonly tenant: string
  readonly run: string
}

/** Ends with the run, or with the one that it goes on as. Throws CliError `run_failed` when it did not complete. */
export async function watchRun(context: CommandContext, { tenant, run }: WatchArguments): Promise<void> {
  const { runs } = context.client.tenant(tenant)
  for (let id: string | undefined = run; id !== undefined; ) {
    const screen: Screen = context.json ? new JsonLines(context.io) : new Lines(context.io)
    let last = await runs.get(id)
    screen.showRun(last)
    for await (const event of runs.outputs(id, { changes: !context.json })) {
      if (event.type === 'change') {
        last = await runs.get(id)
        screen.showRun(last)
      } else if (event.type !== 'end') screen.showOutput(event)
    }
    last = await runs.get(id)
    screen.showRun(last)
    screen.showEnd(last)
    if (last.status === 'continued') id = last.successor ?? undefined
    else if (last.status === 'completed') return
    else throw new CliError('run_failed', `run ${id} ${endText(last)}`)
  }
}

type Shown = Exclude<OutputEvent, { type: 'change' | 'end' }>

interface Screen {
  /** What is new of it. */
  showRun(run: RunDetail): void
  showOutput(output: Shown): void
  showEnd(run: RunDetail): void
}

/** For programs: one JSON object per line, and the run last. */
class JsonLines implements Screen {
  readonly #io: CliIo

  constructor(io: CliIo) {
    this.#io = io
  }

  showRun(): void {
    // A program asks for the run where it needs it.
  }

  showOutput(output: Shown): void {
    printJson(this.#io, output)
  }

  showEnd(run: RunDetail): void {
    printJson(this.#io, run)
  }
}

/** For people. */
class Lines implements Screen {
  readonly #io: CliIo
  readonly #known = new Map<number, string>()
  #waits = ''
  #startMs: number | undefined
  /** The step whose text the cursor stands behind. */
  #speaker: string | undefined

  constructor(io: CliIo) {
    this.#io = io
  }

  showRun(run: RunDetail): void {
    if (this.#startMs === undefined) {
      this.#startMs = Date.parse(run.startedAt ?? run.createdAt)
      this.#line(run.startedAt ?? run.createdAt, `run ${run.id}`, `of workflow ${run.workflow} is ${run.status}`)
    }
    for (const step of run.steps) this.#showStep(step)
    const waits = run.waitsFor.filter(({ type }) => type !== 'turn' && type !== 'step').map(({ text }) => text)
    if (waits.length > 0 && waits.join() !== this.#waits) {
      this.#waits = waits.join()
      for (const text of waits) print(this.#closed(), escapeControls(`${' '.repeat(AT_WIDTH)}  ${text}`))
    }
  }

  #showStep(step: RunStep): void {
    const { askedAt, completedAt, identity, kind, status } = step
    // What else is open is among what the run waits for, in words.
    if (status === 'open' && kind !== 'step') return
    const took = completedAt === null ? '' : ` in ${formatDuration(Date.parse(completedAt) - Date.parse(askedAt))}`
    const text = outcomeOf(step, took)
    if (this.#known.get(step.seq) === text) return
    this.#known.set(step.seq, text)
    this.#line(completedAt ?? askedAt, identity, text)
  }

  showOutput(output: Shown): void {
    if (output.type === 'live') this.#showLive(output)
    else if (output.type === 'emit') this.#line(output.at, 'emit', toJson(output.value))
    else this.#line(output.at, 'log', `${output.message}${output.data === null ? '' : ` ${toJson(output.data)}`}`)
  }

  /** At a terminal the pieces of a text, as a language model gives them, make one line. */
  #showLive({ at, step, attempt, value }: Extract<Shown, { type: 'live' }>): void {
    const { stdout } = this.#io
    if (stdout.isTTY !== true || typeof value !== 'string') {
      this.#line(at, step, `shows ${toJson(value)}`)
      return
    }
    const speaker = `${step}/${attempt}`
    if (this.#speaker !== speaker) stdout.write(this.#lineOf(at, step, ''))
    this.#speaker = speaker
    stdout.write(value.split('\n').map(escapeControls).join('\n'))
  }

  showEnd(run: RunDetail): void {
    const output = run.status === 'completed' ? `, output ${toJson(run.output)}` : ''
    this.#line(run.endedAt ?? run.createdAt, `run ${run.id}`, `${endText(run)}${output}`)
  }

  #line(at: string, what: string, text: string): void {
    print(this.#io, this.#lineOf(at, what, text))
  }

  #lineOf(at: string, what: string, text: string): string {
    this.#closed()
    const sinceStart = formatDuration(Math.max(0, Date.parse(at) - (this.#startMs ?? 0)))
    return escapeControls(`${`+${sinceStart}`.padStart(AT_WIDTH)}  ${what}  ${text}`)
  }

  #closed(): CliIo {
    if (this.#speaker !== undefined) this.#io.stdout.write('\n')
    this.#speaker = undefined
    return this.#io
  }
}

const AT_WIDTH = 9

function endText({ status, error, successor }: RunDetail): string {
  if (status === 'continued') return `goes on as run ${successor}`
  if (error !== null) return `failed: ${error.code}: ${error.message}`
  return `is ${status}`
}
