/** Text in columns, for people. What tenants wrote never reaches the terminal as control characters. */

/** One column of a table. */
export interface TableColumn {
  readonly title: string
  /** Default `left`. */
  readonly align?: 'left' | 'right'
}

const GAP = '  '

const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Joiners belong to emoji and to some scripts; they have no effect of their own. */
const HARMLESS_FORMAT = /^(?:\u200c|\u200d|\u00ad)$/

/** What a terminal shows two columns wide: emoji, CJK, Hangul, full-width forms. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** The lines of a table with a head; columns are as wide as their widest cell. */
export function formatTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows].map((cells) => cells.map(escapeControls))
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => textWidth(cells[index] ?? ''))))
  const rule = widths.map((width) => '-'.repeat(width))
  const [head = [], ...body] = lines
  return [head, rule, ...body].map((cells) => formatLine(cells, columns, widths))
}

/** Lines of names and values, the values below each other. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...fields.map(([name]) => textWidth(name)))
  return fields.map(([name, value]) => `${pad(name, width)}${GAP}${escapeControls(value)}`.trimEnd())
}

function formatLine(cells: readonly string[], columns: readonly TableColumn[], widths: readonly number[]): string {
  const padded = columns.map(({ align }, index) => {
    const cell = cells[index] ?? ''
    const width = widths[index] ?? 0
    return align === 'right' ? `${' '.repeat(width - textWidth(cell))}${cell}` : pad(cell, width)
  })
  return padded.join(GAP).trimEnd()
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/** `text` with control characters as they are written in source: a terminal obeys none of them. */
export function escapeControls(text: string): string {
  return text.replace(CONTROL, (char) => {
    if (HARMLESS_FORMAT.test(char)) return char
    return SHORT_ESCAPES[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** Columns of a terminal that `text` takes. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** A number of bytes, to three digits or so. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}
