import { SluiceError } from "@sluice/core"

/** The error for an option that cannot be: names its path, what is wanted and what came. */
export function invalidOption(path: string, wanted: string, got: unknown): SluiceError {
  return new SluiceError("invalid-option", `${path} must be ${wanted}, got ${print(got)}`, {
    details: { path, wanted, got },
  })
}

/** @throws unless `value` is a whole number from `least` up; `Infinity` counts. */
export function checkCount(path: string, value: unknown, least = 1): void {
  if (value === Infinity || (Number.isInteger(value) && (value as number) >= least)) return
  throw invalidOption(path, `a whole number from ${least} up`, value)
}

/** @throws unless `value` is a number of milliseconds from 0 up; `Infinity` counts. */
export function checkMs(path: string, value: unknown): void {
  if (typeof value === "number" && value >= 0) return
  throw invalidOption(path, "a number of milliseconds from 0 up", value)
}

function print(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value)
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value)
}
