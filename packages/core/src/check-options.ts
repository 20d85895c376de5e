import { SluiceError } from "./errors.ts"

/** The error of every bad option: where, what was wanted, what came. */
export function invalidOption(where: string, path: string, wanted: string, got: unknown): SluiceError {
  return new SluiceError("invalid-option", `${where}: ${path} must be ${wanted} (got ${show(got)}).`, {
    details: { path, got },
  })
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value)
}

/** Names are joined by `/` into paths, so they cannot contain it. */
export function checkName(kind: string, name: unknown): void {
  if (typeof name !== "string" || name === "" || name.includes("/")) {
    throw invalidOption(kind, "name", 'a non-empty string without "/"', name)
  }
}

/** A whole number of at least `least`, or Infinity, or absent. */
export function checkCount(where: string, path: string, value: unknown, least = 1): void {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return
  if (typeof value !== "number" || !Number.isInteger(value) || value < least) {
    throw invalidOption(where, path, `a whole number of at least ${least}`, value)
  }
}

/** A finite number above 0, or absent. */
export function checkPositive(where: string, path: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== "number" || !(value > 0) || value === Number.POSITIVE_INFINITY) {
    throw invalidOption(where, path, "a number above 0", value)
  }
}
