/** What commands share: their context, and how an argument becomes a value. */
import type { TenaxClient } from '@tenax/client'
import { isTenaxError, parseTenantId } from '@tenax/kernel'
import { type Command, InvalidArgumentError } from 'commander'
import { CliError } from './failure.ts'
import type { CliIo, CommandContext } from './io.ts'
import type { Settings } from './settings.ts'

/** What the commands get from the process around them. */
export interface ProgramOptions {
  readonly io: CliIo
  readonly settings: Settings
  /** Whether failures are JSON; then help that nobody asked for is left out. */
  readonly json: boolean
}

/** Options in front of every command. */
export interface GlobalOptions {
  readonly url: string
  readonly key?: string
  readonly json?: boolean
}

/** The help of an argument that is a tenant. */
export const TENANT = 'id of the tenant'

/** The context of a command that asks a server. Throws CliError `usage` for a URL or a key that cannot be one. */
export async function contextOf(command: Command, { io, settings }: ProgramOptions): Promise<CommandContext> {
  const { url, key, json = false } = command.optsWithGlobals<GlobalOptions>()
  return { io, json, client: await clientOf(url, key ?? settings.adminKey) }
}

/** A URL or a key that cannot be one is a mistake of the command line. */
async function clientOf(url: string, adminKey: string | undefined): Promise<TenaxClient> {
  const { createTenaxClient } = await import('@tenax/client')
  try {
    return createTenaxClient({ url, adminKey })
  } catch (error) {
    if (isTenaxError(error, 'argument_invalid')) throw CliError.usage(error.message, error.hint)
    throw error
  }
}

/** A tenant's id. */
export function tenantId(text: string): string {
  try {
    return parseTenantId(text)
  } catch (error) {
    if (isTenaxError(error)) throw new InvalidArgumentError(`It is ${error.message}: ${error.hint ?? ''}.`)
    throw error
  }
}

/** A whole number, signs only where `lowest` is below 0. */
export function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^-?[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= lowest && value <= highest) return value
    throw new InvalidArgumentError(`It must be a whole number from ${lowest} to ${highest}.`)
  }
}

/** How long to wait, in the unit that it is given in: whole seconds. */
export interface WaitArgument {
  readonly seconds: number
}

/** Whole seconds, at most `secondsMax`. */
export function waitArgument(secondsMax: number): (text: string) => WaitArgument {
  const parse = wholeNumber(0, secondsMax)
  return (text) => ({ seconds: parse(text) })
}

/** A moment in ISO 8601, in 1970 or later. */
export function timeArgument(text: string): Date {
  const time = new Date(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && time.getTime() >= 0) return time
  throw new InvalidArgumentError('It must be a time such as 2026-12-01T08:00:00Z, in 1970 or later.')
}

/** Any JSON. */
export function jsonArgument(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidArgumentError(`It must be JSON, such as '{"email":"ada@example.com"}' or '"text"'.`)
  }
}

/** Gathers an option that may be repeated. */
export function appendTo(value: string, before: string[] = []): string[] {
  return [...before, value]
}
