/** Where a command reads and writes, and the few ways in which it does. */
import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TenaxClient } from '@tenax/client'
import { CliError } from './failure.ts'

/** The three streams of a command. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
}

/** What every command gets beside its own arguments. */
export interface CommandContext {
  readonly io: CliIo
  /** Machine-readable output: JSON on stdout, nothing else there. */
  readonly json: boolean
  readonly client: TenaxClient
}

/** The streams of this process. A reader that went away (`tenax tenants list | head`) ends it without a complaint. */
export function processIo(): CliIo {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }
}

/** Writes `text` and a line end to stdout. */
export function print({ stdout }: CliIo, text: string): void {
  stdout.write(`${text}\n`)
}

/** Writes one JSON document as one line to stdout. */
export function printJson(io: CliIo, value: unknown): void {
  print(io, toJson(value))
}

/** JSON of `value`; a bigint beyond 2^53 becomes a string. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? fromBigint(member) : member))
}

function fromBigint(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

/** Everything that stdin holds. */
export function readAll({ stdin }: CliIo): Promise<string> {
  return text(stdin)
}

/** A change that cannot be taken back. */
export interface Confirmation {
  /** What will happen, as a sentence. */
  readonly what: string
  /** Whether `--yes` was given. */
  readonly isGiven: boolean
}

/**
 * Returns when the change is wanted: by `--yes`, or by an answer where there is a terminal to ask at.
 *
 * @throws CliError `usage` where nobody can be asked, `not_confirmed`
 */
export async function confirm({ stdin, stderr }: CliIo, { what, isGiven }: Confirmation): Promise<void> {
  if (isGiven) return
  if (stdin.isTTY !== true) throw CliError.usage(`${what}, and there is no terminal to ask at`, 'repeat it with --yes')
  const readline = createInterface({ input: stdin, output: stderr })
  const answer = await readline.question(`${what}. Go on? [y/N] `).finally(() => readline.close())
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('not_confirmed', 'nothing was changed')
}
