/**
 * What the event loop tells the thread that watches it, in memory that both share: that it turns, and which run's function
 * it is inside of. A note stands only while such a function has not returned, so it is never about somebody else; what goes
 * on behind an `await` it does not see (the thread asks the inspector for that).
 *
 * Bytes: int32 beats; int32 length of the note, 0 for none; int32 1 while a debugger may hold the loop; int32 spare; the note,
 * `tenant`, a line feed, `run`, in UTF-8.
 */
/** A run as a watcher of the event loop names it. */
export interface RunName {
  readonly tenant: string
  readonly run: string
}

const NOTE_AT = 16

/** Longest note in bytes: two ids of 255 characters of up to 3 bytes. A longer one is not written. */
const NOTE_BYTES_MAX = 1_536

const BEATS = 0
const LENGTH = 1
const DEBUGGED = 2

/** Memory for one event loop and its watcher. */
export function newLoopMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(NOTE_AT + NOTE_BYTES_MAX)
}

/** The loop's side. */
class Board {
  readonly #head: Int32Array
  readonly #note: Uint8Array
  readonly #encoder = new TextEncoder()
  #text = ''

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, NOTE_AT / 4)
    this.#note = new Uint8Array(memory, NOTE_AT)
  }

  beat(isDebugged: boolean): void {
    Atomics.store(this.#head, DEBUGGED, isDebugged ? 1 : 0)
    Atomics.add(this.#head, BEATS, 1)
  }

  /** Gives what stood there before. */
  write(text: string): string {
    const before = this.#text
    this.#text = text
    // Not there while it is written: the thread may look at any moment.
    Atomics.store(this.#head, LENGTH, 0)
    const { read, written } = this.#encoder.encodeInto(text, this.#note)
    Atomics.store(this.#head, LENGTH, read === text.length ? written : 0)
    return before
  }
}

let board: Board | undefined

/** From now on the process notes what it does in `memory`; gives what the loop says at each of its beats. */
export function noteInto(memory: SharedArrayBuffer): (isDebugged: boolean) => void {
  const own = new Board(memory)
  board = own
  return (isDebugged) => own.beat(isDebugged)
}

/** Notes nothing any more. */
export function noteNothing(): void {
  board = undefined
}

/** Runs `act` with a note of its run. */
export function noteRun<T>({ tenant, run }: RunName, act: () => T): T {
  if (board === undefined) return act()
  const here = board
  const before = here.write(`${tenant}\n${run}`)
  try {
    return act()
  } finally {
    here.write(before)
  }
}

/** The thread's side. */
export class LoopView {
  readonly #head: Int32Array
  readonly #note: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, NOTE_AT / 4)
    this.#note = new Uint8Array(memory, NOTE_AT)
  }

  get beats(): number {
    return Atomics.load(this.#head, BEATS)
  }

  get isDebugged(): boolean {
    return Atomics.load(this.#head, DEBUGGED) === 1
  }

  /** The run that is noted; undefined for none. Asked of a loop that stands still, so that nobody writes meanwhile. */
  get run(): RunName | undefined {
    const length = Atomics.load(this.#head, LENGTH)
    if (length === 0) return undefined
    const text = new TextDecoder().decode(this.#note.slice(0, length))
    const end = text.indexOf('\n')
    return { tenant: text.slice(0, end), run: text.slice(end + 1) }
  }
}
