/** Reads a value from a file that anybody may have written; throws a `Misfit` where it is not what it should be. */
export type Reader<T> = (value: unknown) => T

/** Where a value is not what it should be. */
export class Misfit extends Error {
  readonly path: string

  constructor(path: string, problem: string) {
    super(problem)
    this.path = path
  }
}

export function reader<T>(wanted: string, is: (value: unknown) => boolean): Reader<T> {
  return (value) => {
    if (is(value)) return value as T
    throw new Misfit("", `expected ${wanted}, found ${value === null ? "null" : typeof value}`)
  }
}

export const text: Reader<string> = reader("text", (value) => typeof value === "string")
export const number: Reader<number> = reader("a number", (value) => typeof value === "number" && !Number.isNaN(value))
export const whole: Reader<number> = reader("a whole number", (value) => Number.isSafeInteger(value))

export function oneOf<T extends string>(...values: readonly T[]): Reader<T> {
  return reader(`one of ${values.join(", ")}`, (value) => values.includes(value as T))
}

export function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : read(value))
}

export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value) => (value === null ? null : read(value))
}

export function listOf<T>(read: Reader<T>): Reader<T[]> {
  const list = reader<unknown[]>("a list", Array.isArray)
  return (value) => list(value).map((each, index) => within(String(index), read, each))
}

export const record: Reader<Readonly<Record<string, unknown>>> = reader("an object", (value) => {
  return typeof value === "object" && value !== null && !Array.isArray(value)
})

/** These names; others are left out. */
export function object<T>(readers: { readonly [Key in keyof T]-?: Reader<T[Key]> }): Reader<T> {
  return (value) => {
    const given = record(value)
    const entries = Object.entries(readers as Readonly<Record<string, Reader<unknown>>>)
    const read = entries.map(([name, each]) => [name, within(name, each, given[name])] as const)
    return Object.fromEntries(read.filter(([, each]) => each !== undefined)) as T
  }
}

function within<T>(name: string, read: Reader<T>, value: unknown): T {
  try {
    return read(value)
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    throw new Misfit(error.path === "" ? name : `${name}.${error.path}`, error.message)
  }
}
