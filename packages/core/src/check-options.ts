import { invalidOption } from "./options.ts"

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
