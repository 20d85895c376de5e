import type { ToldEvent } from "../told-event.ts"

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

const reasons: Readonly<Record<string, string>> = {
  rate: "too fast",
  places: "too many calls at once",
  ramp: "growing too fast",
  overloaded: "no capacity",
  daily: "the day's total is gone",
  billing: "money or access",
}

/** What a refusal was taken for and what changes for it: the table in `docs/limits.md`, for who has not read it. */
const causes: Readonly<Record<string, string>> = {
  account: "No call of this account can succeed: the run ends.",
  day: "No call can succeed before the total is given back.",
  growth: "Traffic grew too fast for the vendor: it grows more slowly from now on.",
  luck: "Bad luck: nothing changes.",
  places: "More calls ran at once than the vendor serves: fewer run from now on.",
  "same-event": "This call had left before the first refusal was known: nothing more changes.",
  depth: "Too many calls left together: fewer leave at once from now on.",
  early: "The call came a moment too soon: calls keep further apart from now on.",
  window: "The vendor counts over a whole window: calls are counted that way too from now on.",
  doubt: "The limit may not work as it was told.",
  bucket: "The limit does not work as it was told: what was told is taken back.",
  rate: "The vendor lets fewer through than was believed: the limit is now what passed.",
  level: "Less of the limit was left than was believed: that is corrected.",
  unknown: "No limit is known that this could be: calls pause, and nothing else changes.",
  "unknown-rate": "No limit was known: one is guessed from what passed.",
  "unknown-window": "No limit was known: one is guessed from what passed.",
}

export function refusedWords({ reason, dimension, retryAfterMs, cause, observed }: ToldEvent<"throttle">): string {
  const what = dimension === undefined ? "" : `, ${limitWords(dimension)}`
  const later = retryAfterMs === undefined ? "" : `, "again in ${duration(retryAfterMs)}"`
  const said = `The vendor refused: ${reasons[reason] ?? reason}${what}${later}.`
  if (cause === undefined) return said
  const taken = `${said} ${causes[cause] ?? `Taken for ${cause}.`}`
  // Of one that had left already the words say it all.
  return observed === undefined || cause === "same-event" ? taken : `${taken} Seen from: ${observed}.`
}
