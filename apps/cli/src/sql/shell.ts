/** The interactive shell: lines become statements, statements become tables, until `.quit`. */
import { createInterface, type Interface } from 'node:readline'
import type { TenantSession } from '@tenax/client'
import { messageOf } from '@tenax/kernel'
import { shownFailure } from '../failure.ts'
import type { CommandContext } from '../io.ts'
import { escapeControls } from '../table.ts'
import { runDotCommand } from './dot-commands.ts'
import { HISTORY_LINES_MAX, readHistory, writeHistory } from './history.ts'
import { printResult } from './result-text.ts'
import { splitStatements } from './statements.ts'

/** What a shell needs beside its context. */
export interface ShellOptions {
  readonly tenantId: string
  readonly session: TenantSession
  readonly historyFile: string
}

/** Runs until `.quit` or the end of stdin. A failing statement is shown, and the shell goes on. */
export async function runShell(context: CommandContext, options: ShellOptions): Promise<void> {
  const shell = new Shell(context, options)
  await shell.run()
}

class Shell {
  readonly #context: CommandContext
  readonly #options: ShellOptions
  readonly #readline: Interface
  #isClosed = false
  /** Typed, and not a complete statement yet. */
  #pending = ''
  #history: readonly string[]

  constructor(context: CommandContext, options: ShellOptions) {
    this.#context = context
    this.#options = options
    this.#history = this.#loadHistory()
    const { stdin, stdout, stderr } = context.io
    this.#readline = createInterface({
      input: stdin,
      output: stdout.isTTY === true ? stdout : stderr,
      history: [...this.#history],
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
    })
  }

  async run(): Promise<void> {
    const readline = this.#readline
    readline.on('history', (lines: string[]) => {
      this.#history = [...lines]
    })
    readline.on('SIGINT', () => this.#forget())
    readline.on('close', () => {
      this.#isClosed = true
    })
    this.#tell(`tenant ${this.#options.tenantId}; .help for help, .quit to leave`)
    this.#prompt()
    try {
      for await (const line of readline) {
        if ((await this.#take(line)) === 'quit') return
        this.#prompt()
      }
      // Ctrl-D leaves the cursor behind the prompt.
      this.#tell('')
    } finally {
      readline.close()
      this.#saveHistory()
      await this.#leave()
    }
  }

  async #take(line: string): Promise<'continue' | 'quit'> {
    const { session } = this.#options
    const wasInTransaction = session.inTransaction
    try {
      if (this.#pending === '' && line.trimStart().startsWith('.')) {
        return await runDotCommand(this.#context, session, line)
      }
      await this.#runStatements(line)
    } catch (error) {
      this.#pending = ''
      this.#showFailure(error)
      if (wasInTransaction && !session.inTransaction) this.#tell('the transaction is over; it was rolled back')
    }
    return 'continue'
  }

  async #runStatements(line: string): Promise<void> {
    const { statements, rest } = splitStatements(this.#pending === '' ? line : `${this.#pending}\n${line}`)
    this.#pending = rest
    for (const sql of statements) printResult(this.#context, await this.#options.session.execute(sql))
  }

  #showFailure(error: unknown): void {
    const { message, hint } = shownFailure(error)
    this.#tell(`error: ${message}`)
    if (hint !== undefined) this.#tell(`hint: ${hint}`)
  }

  /** Lines that came before the end of stdin are still run, though nobody is asked for more. */
  #prompt(): void {
    if (this.#isClosed) return
    const { tenantId, session } = this.#options
    const head = `${tenantId}${session.inTransaction ? '*' : ''}> `
    this.#readline.setPrompt(this.#pending === '' ? head : '> '.padStart(head.length, '.'))
    this.#readline.prompt()
  }

  #forget(): void {
    this.#pending = ''
    this.#context.io.stderr.write('^C\n')
    this.#readline.write(null, { ctrl: true, name: 'u' })
    this.#prompt()
  }

  async #leave(): Promise<void> {
    const { session } = this.#options
    if (session.inTransaction) this.#tell('the open transaction is rolled back')
    await session.close()
  }

  #tell(line: string): void {
    this.#context.io.stderr.write(`${escapeControls(line)}\n`)
  }

  #loadHistory(): string[] {
    try {
      return readHistory(this.#options.historyFile)
    } catch (error) {
      this.#tell(`the history cannot be read: ${messageOf(error)}`)
      return []
    }
  }

  #saveHistory(): void {
    try {
      writeHistory(this.#options.historyFile, this.#history)
    } catch (error) {
      this.#tell(`the history cannot be kept: ${messageOf(error)}`)
    }
  }
}
