/** When schedules fire: croner's behaviour at changes of the clock is frozen here (WORKFLOWS 31). */
import { isTenaxError } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dueTime, firingOf, type Timing, type TimingSpec, timingOf } from './timing.ts'

const at = (text: string) => Date.parse(text)
const shown = (times: readonly number[]) => times.map((ms) => new Date(ms).toISOString().replace(':00.000Z', 'Z'))

/** The first `count` nominal times behind `from`. */
function times(timing: Timing, from: number, count: number): number[] {
  const found: number[] = []
  for (let ms = timing.next(from); ms !== undefined && found.length < count; ms = timing.next(ms)) found.push(ms)
  return found
}

// [time zone, cron, from, what follows]: written down once, never regenerated.
it.each([
  [
    ...['02:30 is 03:00, once, on the day without it', 'Europe/Berlin', '30 2 * * *', '2026-03-27T12:00Z'],
    ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
  ],
  [
    ...['02:30 comes once on the day that has it twice', 'Europe/Berlin', '30 2 * * *', '2026-10-23T12:00Z'],
    ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    ...['every hour is every hour in spring', 'Europe/Berlin', '0 * * * *', '2026-03-28T23:30Z'],
    ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z'],
  ],
  [
    ...['every hour is every hour in autumn', 'Europe/Berlin', '0 * * * *', '2026-10-24T23:30Z'],
    ['2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z', '2026-10-25T03:00Z'],
  ],
  [
    ...['with a step, the hour that is not there has none', 'Europe/Berlin', '*/30 2 * * *', '2026-03-28T12:00Z'],
    ['2026-03-30T00:00Z', '2026-03-30T00:30Z'],
  ],
  [
    ...['with a step, the hour that is twice has them twice', 'Europe/Berlin', '*/30 2 * * *', '2026-10-24T12:00Z'],
    ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-26T01:00Z'],
  ],
  [
    ...['02:30 in New York in spring', 'America/New_York', '30 2 * * *', '2026-03-07T12:00Z'],
    ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
  ],
  [
    ...['a change of half an hour, in spring', 'Australia/Lord_Howe', '15 2 * * *', '2026-10-02T12:00Z'],
    ['2026-10-02T15:45Z', '2026-10-03T15:30Z', '2026-10-04T15:15Z'],
  ],
  [
    ...['a change of half an hour, in autumn', 'Australia/Lord_Howe', '45 1 * * *', '2026-04-03T00:00Z'],
    ['2026-04-03T14:45Z', '2026-04-04T14:45Z', '2026-04-05T15:15Z'],
  ],
  [...['leap days', 'UTC', '0 0 29 2 *', '2026-01-01T00:00Z'], ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
  [
    ...['the last day of a month', 'UTC', '0 0 L * *', '2026-01-30T00:00Z'],
    ['2026-01-31T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z'],
  ],
  [...['a nickname', 'Asia/Kolkata', '@daily', '2026-01-01T00:00Z'], ['2026-01-01T18:30Z', '2026-01-02T18:30Z']],
] as [string, string, string, string, string[]][])('%s', (_what, timeZone, cron, from, expected) => {
  const timing = timingOf({ cron, timeZone })
  expect(shown(times(timing, at(from), expected.length))).toEqual(expected)
})

const specs: fc.Arbitrary<TimingSpec> = fc.oneof(
  fc.record({
    cron: fc.constantFrom('30 2 * * *', '*/30 2 * * *', '0 * * * *', '15,45 1-3 * * *', '0 0 * * SUN', '7 3 1,L * *'),
    timeZone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo', 'UTC'),
  }),
  fc.record({
    everyMs: fc.integer({ min: 1_000, max: 100_000_000 }),
    anchorMs: fc.constant(at('2025-12-31T10:00:01Z')),
  }),
)
/** Anywhere in a year, and often beside a change of the clock. */
const moments = fc
  .tuple(
    fc.constantFrom(
      ...['2026-03-08', '2026-03-29', '2026-04-04', '2026-10-03', '2026-10-25', '2026-11-01', '2026-06-01'],
    ),
    fc.integer({ min: -200_000, max: 200_000 }),
  )
  .map(([day, seconds]) => at(`${day}T01:00Z`) + seconds * 1_000 + (seconds % 3 === 0 ? 1 : 0))

it('the next time is later, and the same from anywhere before it', () => {
  fc.assert(
    fc.property(specs, moments, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (spec, from, share) => {
      const timing = timingOf(spec)
      const next = timing.next(from)
      if (next === undefined) return
      expect(next).toBeGreaterThan(from)
      expect(timing.next(from + Math.floor((next - from) * share))).toBe(next)
    }),
    { numRuns: 200 },
  )
})

it('the last times are the next ones, seen from behind', () => {
  fc.assert(
    fc.property(specs, moments, fc.integer({ min: 1, max: 20 }), (spec, from, count) => {
      const timing = timingOf(spec)
      const forward = times(timing, from, count)
      const until = forward.at(-1)
      if (until === undefined) return
      expect(timing.last(forward.length, until)).toEqual(forward)
      expect(timing.last(1, until - 1)).not.toContain(until)
    }),
    { numRuns: 200 },
  )
})

it('the spread keeps the order, and less than half of the way to the next time', () => {
  fc.assert(
    fc.property(
      ...([specs, moments, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })] as const),
      fc.integer({ min: 0, max: 200_000_000 }),
      (spec, from, fraction, spreadMs) => {
        const timing = timingOf(spec)
        const [first = 0, second = 0] = times(timing, from, 2)
        const dueMs = dueTime(timing, first, { spreadMs, fraction })
        expect(dueMs).toBeGreaterThanOrEqual(first)
        expect(dueMs - first).toBeLessThanOrEqual(spreadMs)
        expect(dueMs - first).toBeLessThan(Math.max((second - first) / 2, 1))
        expect(dueTime(timing, first, { spreadMs, fraction })).toBe(dueMs)
      },
    ),
    { numRuns: 200 },
  )
})

it('every nominal time is fired once or let go, however late and however often somebody looks', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 300_000_000 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(specs, moments, gaps, fc.integer({ min: 0, max: 30 }), (spec, from, waits, catchUp) => {
      const timing = timingOf(spec)
      const spread = { spreadMs: 60_000, fraction: 0.7 }
      let nextAtMs = timing.next(from)
      let nowMs = from
      const fired: number[] = []
      for (const waitMs of waits) {
        nowMs += waitMs
        let left = catchUp
        while (nextAtMs !== undefined && dueTime(timing, nextAtMs, spread) <= nowMs) {
          const firing = firingOf(timing, spread, { nextAtMs, catchUp }, nowMs)
          for (const one of firing.fires) expect(dueTime(timing, one, spread)).toBeLessThanOrEqual(nowMs)
          expect(firing.nextAtMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(nextAtMs)
          fired.push(...firing.fires)
          left -= firing.fires.length
          nextAtMs = firing.nextAtMs
        }
        expect(left).toBeGreaterThanOrEqual(Math.min(catchUp, 1) - 1)
      }
      expect(new Set(fired).size).toBe(fired.length)
      expect(fired).toEqual(fired.toSorted((a, b) => a - b))
      if (catchUp > 0 && fired.length > 0)
        expect(fired.at(-1)).toBe(
          timing
            .last(2, nowMs)
            .filter((ms) => dueTime(timing, ms, spread) <= nowMs)
            .at(-1),
        )
    }),
    { numRuns: 200 },
  )
})

it('the last missed one is made up for, or as many as are asked for, and no more', () => {
  const timing = timingOf({ cron: '0 * * * *', timeZone: 'UTC' })
  const nextAtMs = at('2026-05-01T00:00Z')
  const nowMs = at('2026-05-03T00:30Z')
  const firing = (catchUp: number, lateMs = nowMs) =>
    firingOf(timing, { spreadMs: 0, fraction: 0 }, { nextAtMs, catchUp }, lateMs)
  expect(shown(firing(1).fires)).toEqual(['2026-05-03T00:00Z'])
  expect(firing(1)).toMatchObject({ missedAtMs: nextAtMs, nextAtMs: at('2026-05-03T01:00Z') })
  // In pieces: the rest is due at once.
  expect(shown(firing(12).fires)).toHaveLength(10)
  expect(firing(12)).toMatchObject({ missedAtMs: nextAtMs, nextAtMs: at('2026-05-02T23:00Z') })
  expect(firing(100)).toMatchObject({ missedAtMs: undefined })
  expect(firing(0)).toEqual({ fires: [], missedAtMs: nextAtMs, nextAtMs: at('2026-05-03T01:00Z') })
  expect(firing(0, nextAtMs + 60_000).fires).toEqual([nextAtMs])
})

it.each([
  ['no fields', 'nonsense', 'UTC', 'cron_invalid'],
  ['six fields', '0 0 0 * * *', 'UTC', 'cron_invalid'],
  ['a minute that is none', '61 * * * *', 'UTC', 'cron_invalid'],
  ['a date', '2026-12-01T00:00:00', 'UTC', 'cron_invalid'],
  ['the time of asking', '? * * * *', 'UTC', 'cron_invalid'],
  ['a zone that is not', '* * * * *', 'Mars/Phobos', 'time_zone_unknown'],
  ['no zone', '* * * * *', '', 'time_zone_unknown'],
])('%s is refused', (_what, cron, timeZone, code) => {
  expect(codeThrown({ cron, timeZone })).toBe(code)
})

it('an interval under a second is refused, and a day that never comes has no next time', () => {
  expect(codeThrown({ everyMs: 999, anchorMs: 0 })).toBe('argument_invalid')
  expect(timingOf({ cron: '0 0 30 2 *', timeZone: 'UTC' }).next(0)).toBeUndefined()
})

function codeThrown(spec: TimingSpec): string {
  try {
    timingOf(spec)
    return 'ok'
  } catch (error) {
    return isTenaxError(error) ? error.code : 'none'
  }
}
