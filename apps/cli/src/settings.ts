/** What the environment says. Nobody else reads it. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Settings that options of the command line override. */
export interface Settings {
  /** `TENAX_URL`. */
  readonly url: string
  /** `TENAX_ADMIN_KEY`. */
  readonly adminKey: string | undefined
  /** `TENAX_DATA`: the directory that `doctor` looks at. */
  readonly dataDir: string
  /** `TENAX_HANDLES`: size of the pool that `doctor` counts with. */
  readonly handleCount: number | undefined
  /** What was typed into the SQL shell. */
  readonly historyFile: string
}

const URL_DEFAULT = 'http://127.0.0.1:8787'
const DATA_DEFAULT = './data'

/** The settings of this process. An empty variable counts as one that is not set. */
export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  return {
    url: env['TENAX_URL'] || URL_DEFAULT,
    adminKey: env['TENAX_ADMIN_KEY'] || undefined,
    dataDir: env['TENAX_DATA'] || DATA_DEFAULT,
    handleCount: countOf(env['TENAX_HANDLES']),
    historyFile: env['TENAX_HISTORY'] || join(homedir(), '.tenax_history'),
  }
}

/** The server refuses what is not a count; here it is as good as none. */
function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9][0-9]{0,6}$/.test(text) ? Number(text) : undefined
}
