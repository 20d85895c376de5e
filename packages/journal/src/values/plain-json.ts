import { exactDigits } from "./exact-json.ts"

/** What is nested deeper cannot be walked without running out of stack, here or where it is read. */
export const maxDepth = 500

/**
 * JSON that comes back as what went in. A value that JSON would change on the way (a Date, a Map, NaN, a class
 * instance) is refused with `refuse("value.when is a Date")` instead of coming back as something else. `clean` gets the
 * checked value before it becomes text.
 */
export function plainJson(
  value: unknown,
  refuse: (problem: string) => Error,
  clean: (value: unknown) => unknown = (same) => same,
): string {
  checkPlain(value, refuse, [], [])
  return JSON.stringify(clean(value))
}

/** As `plainJson`, with properties in one order. */
export function canonicalJson(value: unknown, refuse: (problem: string) => Error): string {
  if (value === undefined) return ""
  checkPlain(value, refuse, [], [])
  return sortedJson(value)
}

function sortedJson(value: unknown): string {
  if (typeof value !== "object" || value === null || exactDigits(value) !== undefined) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`
  let members = ""
  for (const name of Object.keys(value).toSorted()) {
    const member = (value as Readonly<Record<string, unknown>>)[name]
    if (member === undefined) continue
    members += `${members && ","}${JSON.stringify(name)}:${sortedJson(member)}`
  }
  return `{${members}}`
}

/** `steps` lead to `value`, `around` are the objects on the way. */
function checkPlain(value: unknown, refuse: (problem: string) => Error, steps: string[], around: object[]): void {
  if (typeof value === "string" || value === null || typeof value === "boolean" || Number.isFinite(value)) return
  if (exactDigits(value) !== undefined) return
  if (steps.length > maxDepth) throw refuse(`value is nested more than ${maxDepth} deep`)
  const path = (): string => `value${steps.join("")}`
  if (typeof value === "number" || value === undefined) throw refuse(`${path()} is ${value}`)
  if (typeof value !== "object") throw refuse(`${path()} is a ${typeof value}`)
  if (around.includes(value)) throw refuse(`${path()} contains itself`)
  around.push(value)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      steps.push(`[${index}]`)
      checkPlain(value[index], refuse, steps, around)
      steps.pop()
    }
  } else if (isPlain(value)) {
    for (const name of Object.keys(value)) {
      const member = (value as Readonly<Record<string, unknown>>)[name]
      // An absent property and an undefined one mean the same to JSON and to nearly everybody.
      if (member === undefined) continue
      steps.push(`.${name}`)
      checkPlain(member, refuse, steps, around)
      steps.pop()
    }
  } else {
    throw refuse(
      `${path()} is an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? "a class"}`,
    )
  }
  around.pop()
}

/** Also with the `Object.prototype` of another realm (a vm, a test runner's sandbox). */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf")
}
