/** The latest ones are kept, on both sides. */
export const mostMarks = 500

/** `inputTokensPerMinute` as people say it. */
export function limitWords(name: string): string {
  if (name === "budgetUsd") return "dollars in all"
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** `20 ms`, `1.5 s`, `30 s`, `2 min`. */
export function duration(ms: number): string {
  if (ms > 0 && ms < 100) return `${Math.ceil(ms)} ms`
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}

/** Three significant digits. */
export function count(value: number): string {
  if (value === Infinity) return "not known"
  return Number(value.toPrecision(3)).toLocaleString("en")
}
