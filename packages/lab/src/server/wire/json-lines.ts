/** One JSON document a line. */
export function jsonLines(lines: readonly object[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
}
