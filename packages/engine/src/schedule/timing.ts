/**
 * When a schedule fires: pure arithmetic over nominal times, in milliseconds since 1970 UTC. A nominal time is what the cron
 * expression or the interval says; the spread moves the moment of firing behind it, never the nominal time itself.
 */
import { messageOf, TenaxError } from '@tenax/kernel'
import { Cron } from 'croner'
import { INTERVAL_MS_MIN } from '../limits.ts'

/** By the wall clock of a time zone, or every so often since a first moment. */
export type TimingSpec =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly everyMs: number; readonly anchorMs: number }

/** The nominal times of a schedule. */
export interface Timing {
  /** The first one behind `afterMs`; undefined when there is none. */
  next(afterMs: number): number | undefined
  /** The last `count` up to and with `untilMs`, in order; fewer when there are no more. */
  last(count: number, untilMs: number): number[]
}

/**
 * The nominal times of `spec`.
 *
 * @throws TenaxError `cron_invalid`, `time_zone_unknown`, `argument_invalid` for an interval under a second
 */
export function timingOf(spec: TimingSpec): Timing {
  return 'cron' in spec ? cronTiming(spec) : intervalTiming(spec)
}

/** Five fields, or a nickname: croner also takes dates, seconds, and `?` for the hour at which it was asked. */
const FIELDS = /^[A-Za-z0-9*,/#+-]+$/
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/
const CRON_CHARS_MAX = 255

function cronTiming({ cron, timeZone }: { readonly cron: string; readonly timeZone: string }): Timing {
  refuseTimeZone(timeZone)
  const job = cronOf(cron, timeZone)
  return {
    next: (afterMs) => job.nextRun(new Date(afterMs))?.getTime(),
    // It looks strictly before what it is given, in whole seconds.
    last: (count, untilMs) =>
      job
        .previousRuns(count, new Date((Math.floor(untilMs / 1_000) + 1) * 1_000))
        .map((time) => time.getTime())
        .reverse(),
  }
}

function cronOf(cron: string, timezone: string): Cron {
  const text = cron.trim()
  const fields = text.split(/\s+/)
  const isKnown = NICKNAME.test(text) || (fields.length === 5 && fields.every((field) => FIELDS.test(field)))
  if (!isKnown || cron.length > CRON_CHARS_MAX) throw cronInvalid(cron, 'it has five fields, or is a nickname')
  try {
    return new Cron(text, { timezone, paused: true, mode: '5-part' })
  } catch (error) {
    throw cronInvalid(cron, messageOf(error).replace(/^\w+: /, ''))
  }
}

function cronInvalid(cron: string, reason: string): TenaxError {
  const shown = JSON.stringify(cron.slice(0, CRON_CHARS_MAX))
  return new TenaxError('cron_invalid', `${shown} is not a cron expression: ${reason}`, {
    hint: "five fields: minute, hour, day of month, month, day of week, such as '30 2 * * MON-FRI'; or '@daily'",
  })
}

/** Zones that were found to be there: to look costs more than all else of a firing. */
const knownZones = new Set<string>()
const KNOWN_ZONES_MAX = 1_000

function refuseTimeZone(timeZone: string): void {
  if (knownZones.has(timeZone)) return
  try {
    new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions()
  } catch (error) {
    throw new TenaxError('time_zone_unknown', `there is no time zone "${timeZone}"`, {
      hint: "an IANA name, such as 'Europe/Berlin' or 'UTC'",
      cause: error,
    })
  }
  if (knownZones.size < KNOWN_ZONES_MAX) knownZones.add(timeZone)
}

function intervalTiming({ everyMs, anchorMs }: { readonly everyMs: number; readonly anchorMs: number }): Timing {
  if (!Number.isSafeInteger(everyMs) || everyMs < INTERVAL_MS_MIN) {
    throw new TenaxError('argument_invalid', `an interval has at least ${INTERVAL_MS_MIN} ms`, {
      hint: 'for work that never rests, let one run loop with ctx.sleep and ctx.continueAs',
    })
  }
  const countUntil = (atMs: number) => Math.max(0, Math.floor((atMs - anchorMs) / everyMs))
  return {
    next: (afterMs) => anchorMs + (countUntil(afterMs) + 1) * everyMs,
    last(count, untilMs) {
      const until = countUntil(untilMs)
      const length = Math.min(count, until)
      return Array.from({ length }, (_, index) => anchorMs + (until - length + 1 + index) * everyMs)
    },
  }
}

/** How far behind its nominal times a schedule fires. `fraction` is its own, from 0 to below 1 (WORKFLOWS 31). */
export interface Spread {
  readonly spreadMs: number
  readonly fraction: number
}

/**
 * When the firing of `nominalMs` is due: behind it by the schedule's own share of the spread, and by less than half of the time
 * to the next one, so that firings keep their order and stay nearer to their own time than to another's.
 */
export function dueTime(timing: Timing, nominalMs: number, { spreadMs, fraction }: Spread): number {
  if (spreadMs === 0) return nominalMs
  const nextMs = timing.next(nominalMs)
  const halfMs = nextMs === undefined ? spreadMs : (nextMs - nominalMs) / 2
  return nominalMs + Math.floor(fraction * Math.min(spreadMs, halfMs))
}

/** Where a schedule stands, as far as its times go. */
export interface Standing {
  /** The first nominal time that has not been seen to. */
  readonly nextAtMs: number
  /** How many missed ones are made up for. */
  readonly catchUp: number
}

/** What is to be done with the nominal times that are due. */
export interface Firing {
  /** Nominal times to fire, in order. */
  readonly fires: readonly number[]
  /** The first nominal time that is let go without firing. */
  readonly missedAtMs: number | undefined
  /** The nominal time to wait for next. */
  readonly nextAtMs: number | undefined
}

/** With `catchUp` 0, how late a firing may be and still be on time. */
const ON_TIME_MS = 60_000

/** How many firings one commit takes, each with an input of up to 1 MiB: what is left is due at once. */
const FIRES_MAX = 10

/** What is due by `nowMs`, where something is. The last ones of `catchUp`; all before them are let go. */
export function firingOf(timing: Timing, spread: Spread, { nextAtMs, catchUp }: Standing, nowMs: number): Firing {
  // One more than are wanted, because the newest may wait for its share of the spread.
  const found = timing.last(Math.max(catchUp, 1) + 1, nowMs).filter((atMs) => atMs >= nextAtMs)
  const due = found.filter((atMs) => dueTime(timing, atMs, spread) <= nowMs)
  const newest = due.at(-1) ?? nextAtMs
  const isOnTime = nowMs - dueTime(timing, newest, spread) <= ON_TIME_MS
  const wanted = catchUp === 0 && !isOnTime ? [] : due.slice(-Math.max(catchUp, 1))
  const fires = wanted.slice(0, FIRES_MAX)
  const firstMs = fires[0] ?? Number.POSITIVE_INFINITY
  return {
    fires,
    missedAtMs: nextAtMs < firstMs ? nextAtMs : undefined,
    nextAtMs: wanted[FIRES_MAX] ?? timing.next(newest),
  }
}
