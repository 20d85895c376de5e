import { SluiceError } from "./errors.ts"
import { nearest } from "./nearest.ts"

/** What is wrong with a value: where inside it, and what is wanted there. */
interface Fault {
  readonly path: string
  readonly got: unknown
  /** Absent for an unknown option, whose name is in `path`. */
  readonly wanted?: string
  readonly known?: readonly string[]
}

/** Finds what is wrong with a value. Absent options are checked by `needed` alone. */
export type Check = (value: unknown) => Fault | undefined

/** One check per option; the compiler sees to it that none is missing. */
export type Shape<T> = { readonly [Key in keyof Required<T>]: Check }

/**
 * Checks options once, as they come in.
 *
 * @throws SluiceError `invalid-option`: `where: path must be … (got …).`, or the name that is unknown with the nearest that is known.
 */
export function checkOptions<T extends object>(where: string, options: T, shape: Shape<NoInfer<T>>): void {
  const wrong = wrongOption(where, options, shape)
  if (wrong) throw wrong
}

/** The error of options that are not as `shape` wants them. */
export function wrongOption<T extends object>(
  where: string,
  options: T,
  shape: Shape<NoInfer<T>>,
): SluiceError | undefined {
  return wrongValue(where, options, fields(shape))
}

/** The same by a check that was made before, for what comes with every call: nothing is made as long as all is right. */
export function wrongValue(where: string, value: unknown, check: Check): SluiceError | undefined {
  const fault = check(value)
  if (!fault) return undefined
  const { path, wanted, got, known = [] } = fault
  return wanted === undefined
    ? unknownOption(where, path, known, got)
    : invalidOption(where, path || "options", wanted, got)
}

/** The error of an option that there is not: which was meant, if one is near, else which there are. */
function unknownOption(where: string, path: string, known: readonly string[], got: unknown): SluiceError {
  const advice = nearest(path.slice(path.lastIndexOf(".") + 1), known) || ` Known: ${known.join(", ")}.`
  return new SluiceError("invalid-option", `${where}: unknown option "${path}".${advice}`, { details: { path, got } })
}

/** One argument, in the words that an option is checked by: a function that is missing, above all. */
export function checkArgument(where: string, name: string, value: unknown, check: Check): void {
  const wrong = wrongArgument(where, name, value, check)
  if (wrong) throw wrong
}

/** The error of an argument that is not as `check` wants it. */
export function wrongArgument(where: string, name: string, value: unknown, check: Check): SluiceError | undefined {
  return wrongOption(where, { [name]: value }, { [name]: needed(check) })
}

/** The error of every bad option: where, what was wanted, what came. */
export function invalidOption(where: string, path: string, wanted: string, got: unknown): SluiceError {
  return new SluiceError("invalid-option", `${where}: ${path} must be ${wanted} (got ${show(got)}).`, {
    details: { path, wanted, got },
  })
}

/** An object with these options and no others. A name that is unknown is found before a value that is wrong. */
export function fields<T extends object>(shape: Shape<T>): Check {
  const checks = new Map(Object.entries<Check>(shape))
  const required = [...checks].filter(([, check]) => demanded.has(check))
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fault("an object", value)
    const given = value as Readonly<Record<string, unknown>>
    let wrong: Fault | undefined
    // One pass over what is there, for some come with every call.
    for (const name in given) {
      const check = checks.get(name)
      if (!check) return { path: name, got: given[name], known: [...checks.keys()] }
      const found = wrong || given[name] === undefined ? undefined : check(given[name])
      if (found) wrong = within(name, found)
    }
    for (const [name, check] of required) if (given[name] === undefined) wrong ??= within(name, check(undefined)!)
    return wrong
  }
}

/**
 * Whether it has no other names than these, each with a number from 0 up, `also` apart. Such come with every call, so a name is
 * compared with constants: that takes a tenth of what a table takes.
 */
export function hasAmounts(
  value: object,
  a: string,
  b: string,
  c: string,
  d?: string,
  e?: string,
  also?: string,
): boolean {
  for (const name in value) {
    if (name === also) continue
    const given: unknown = value[name as keyof typeof value]
    if (name !== a && name !== b && name !== c && name !== d && name !== e) return false
    if (given !== undefined && !(Number.isFinite(given) && (given as number) >= 0)) return false
  }
  return Object(value) === value
}

const demanded = new WeakSet<Check>()

/** A required option. */
export function needed(check: Check): Check {
  const demand: Check = (value) => check(value)
  demanded.add(demand)
  return demand
}

/** A value that passes `test`; `wanted` says what that is. */
export function be(wanted: string, test: (value: unknown) => boolean): Check {
  return (value) => (test(value) ? undefined : fault(wanted, value))
}

/** A whole number of at least `least`; `Infinity` counts. */
export function count(least = 1): Check {
  return be(`a whole number of at least ${least}`, (value) => {
    return value === Infinity || (Number.isInteger(value) && (value as number) >= least)
  })
}

/** A finite number above 0. */
export const positive: Check = /* @__PURE__ */ be("a number above 0", (value) => {
  return typeof value === "number" && value > 0 && value !== Infinity
})

/** A finite number from 0 up. */
export const amount: Check = be("a number from 0 up", (value) => Number.isFinite(value) && (value as number) >= 0)

/** A number of milliseconds from 0 up; `Infinity` counts. */
export const milliseconds: Check = be("a number of milliseconds from 0 up", (value) => {
  return typeof value === "number" && value >= 0
})

/** A number between two others, both included. */
export function between(least: number, most: number): Check {
  const wanted = most === Infinity ? `a number from ${least} up` : `a number from ${least} to ${most}`
  return be(wanted, (value) => typeof value === "number" && value >= least && value <= most)
}

export const number: Check = /* @__PURE__ */ be(
  "a number",
  (value) => typeof value === "number" && !Number.isNaN(value),
)

export const callable: Check = be("a function", (value) => typeof value === "function")

/** Something to go through, at once or as it comes. A string would give its letters, which nobody means. */
export const iterable: Check = /* @__PURE__ */ be(
  "an array, an iterable or an async iterable",
  (value) => typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value),
)

export const flag: Check = /* @__PURE__ */ be("true or false", (value) => typeof value === "boolean")

/** A string, which may be empty. */
export const anyText: Check = /* @__PURE__ */ be("a string", (value) => typeof value === "string")

export const text: Check = /* @__PURE__ */ be(
  "a non-empty string",
  (value) => typeof value === "string" && value !== "",
)

/** Something that other code makes, known by the methods that it has. */
export function having(wanted: string, ...methods: readonly string[]): Check {
  return be(wanted, (value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return false
    return methods.every((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === "function")
  })
}

/** One of these values. */
export function oneOf(...values: readonly (string | number | boolean)[]): Check {
  const shown = values.map((value) => show(value))
  const wanted = shown.length === 1 ? shown[0]! : `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`
  return be(wanted, (value) => values.includes(value as string))
}

/** What the first check says of an object, and the second of everything else. */
export function objectOr(object: Check, other: Check): Check {
  return (value) => (typeof value === "object" && value !== null ? object(value) : other(value))
}

export function listOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return fault("a list", value)
    for (const [index, each] of value.entries()) {
      const wrong = check(each)
      if (wrong) return within(String(index), wrong)
    }
    return undefined
  }
}

/** An object whose names are the caller's. */
export function recordOf(check: Check): Check {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fault("an object", value)
    for (const [name, each] of Object.entries(value)) {
      const wrong = check(each)
      if (wrong) return within(name, wrong)
    }
    return undefined
  }
}

export const anything: Check = () => undefined

export const backoff: Check = /* @__PURE__ */ fields<Record<"initialMs" | "factor" | "maxMs" | "jitter", unknown>>({
  initialMs: milliseconds,
  factor: between(1, Infinity),
  maxMs: milliseconds,
  jitter: oneOf("equal", "full", "none"),
})

/** The ports, by what is called on them. */
export const clock: Check = having("a Clock", "now")
export const random: Check = /* @__PURE__ */ having("a Random", "next")
export const limiter: Check = having("a Limiter, as createQuota(…) or sharedQuotas(…).quota(name)", "admit")
export const abortSignal: Check = /* @__PURE__ */ having("an AbortSignal", "addEventListener")

function within(name: string, wrong: Fault): Fault {
  return { ...wrong, path: wrong.path === "" ? name : `${name}.${wrong.path}` }
}

function fault(wanted: string, got: unknown): Fault {
  return { path: "", wanted, got }
}

/** A value as an error shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "function") return "a function"
  if (Array.isArray(value)) return "a list"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}
