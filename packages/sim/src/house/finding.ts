/** One broken house rule: where, which, and what to write instead. */
export interface Finding {
  readonly path: string
  /** The first line is 1. */
  readonly line: number
  readonly rule: string
  readonly instead: string
}

/** One finding as a line that an editor can jump to. */
export function formatFinding(finding: Finding): string {
  return `${finding.path}:${finding.line}  ${finding.rule}: ${finding.instead}`
}
