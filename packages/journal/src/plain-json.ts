/**
 * JSON that comes back as what went in. A value that JSON would change on the way (a Date, a Map, NaN, a class
 * instance) is refused with `refuse("value.when is a Date")` instead of coming back as something else.
 */
export function plainJson(value: unknown, refuse: (problem: string) => Error): string {
  if (typeof value !== "string") checkPlain(value, "value", refuse, new Set())
  return JSON.stringify(value)
}

/** As `plainJson`, with properties in one order. */
export function canonicalJson(value: unknown, refuse: (problem: string) => Error): string {
  if (value === undefined) return ""
  if (typeof value === "string") return JSON.stringify(value)
  checkPlain(value, "value", refuse, new Set())
  return JSON.stringify(value, sorted)
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function checkPlain(value: unknown, path: string, refuse: (problem: string) => Error, around: Set<object>): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return
  if (typeof value === "number") {
    if (Number.isFinite(value)) return
    throw refuse(`${path} is ${value}`)
  }
  if (typeof value !== "object") throw refuse(`${path} is ${value === undefined ? "undefined" : `a ${typeof value}`}`)
  if (around.has(value)) throw refuse(`${path} contains itself`)
  const prototype: unknown = Object.getPrototypeOf(value)
  around.add(value)
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) checkPlain(element, `${path}[${index}]`, refuse, around)
  } else if (prototype === Object.prototype || prototype === null || isForeignPlain(prototype)) {
    for (const [name, member] of Object.entries(value)) {
      // An absent property and an undefined one mean the same to JSON and to nearly everybody.
      if (member !== undefined) checkPlain(member, `${path}.${name}`, refuse, around)
    }
  } else {
    throw refuse(`${path} is an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? "a class"}`)
  }
  around.delete(value)
}

/** `Object.prototype` of another realm (a vm, a test runner's sandbox). */
function isForeignPlain(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf")
}
