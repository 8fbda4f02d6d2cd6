/** Limits of workflows, each with its unit and reason. */
import { MIB_BYTES } from '@tenax/kernel'

/** JSON of an input, a payload, a result, an output: a page of one commit at most; bulk data belongs into tables. */
export const PAYLOAD_BYTES_MAX = MIB_BYTES

/** Arrays and objects of such JSON inside each other: SQLite reads 1,000, and what is recorded lies inside of other JSON. */
export const JSON_DEPTH_MAX = 500

/** Characters of a stored failure's message: it is shown, and repeated to parents. */
export const MESSAGE_CHARACTERS_MAX = 8_192

/** Operations of one run: a replay goes through all of them, and 100,000 take seconds (WORKFLOWS 7). */
export const OPERATIONS_MAX = 100_000

/** From this operation on a run is advised to use `continueAs`: its replays begin to be felt (WORKFLOWS 7). */
export const OPERATIONS_ADVISED_MAX = 5_000

/**
 * Operations that are refused in a row, with no completion between them: those of a cancelled body, and those with wrong
 * arguments. A body that catches each refusal and asks again would hold the event loop for ever; behind this bound it ends.
 */
export const REFUSED_OPERATIONS_MAX = 1_000

/** Characters of a name or a key: they are repeated in every identity below them, and an engine's columns hold as many. */
export const NAME_CHARACTERS_MAX = 255

/** Runs of one key that hold a slot at a time: they are counted when one comes free, 1,000 of them in some 50 µs. */
export const CONCURRENCY_MAX = 1_000

/** Longest duration: 100 years, which keeps every due time a safe integer and a valid date. */
export const DURATION_MS_MAX = 100 * 365 * 86_400_000

/** Latest time that a Date can show, and so that a run can sleep until. */
export const TIME_MS_MAX = 8_640_000_000_000_000

/** Attempts of a step unless it says otherwise (WORKFLOWS 13). */
export const ATTEMPTS_DEFAULT = 3

/** Most attempts of a step: beyond it a retry is a loop that belongs into the body. */
export const ATTEMPTS_MAX = 10_000

/** Wait before the second attempt (WORKFLOWS 13). */
export const RETRY_FIRST_MS = 1_000

/** What each further wait is multiplied with (WORKFLOWS 13). */
export const RETRY_FACTOR = 2

/** Longest wait between attempts unless a step says otherwise (WORKFLOWS 13). */
export const RETRY_WAIT_MS_MAX = 60_000

/** Time of one attempt unless a step says otherwise (WORKFLOWS 13). */
export const STEP_TIMEOUT_MS = 5 * 60_000
