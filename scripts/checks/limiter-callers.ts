import type { Cost, Permit, Settlement } from "../../packages/core/src/index.ts"
import type { Quota } from "../../packages/scheduler/src/index.ts"

/** Calls one thing that takes options, with those that are given. */
export type Caller = (given: never) => unknown

interface Admitting {
  admit(cost?: Cost, options?: object): Promise<Permit>
  tryAdmit(cost?: Cost, options?: object): unknown
}

/** The callers of a limiter, by what the compiler calls their parameters. */
export function limiter(name: string, make: () => Admitting): Readonly<Record<string, Caller>> {
  return {
    [`${name}.admit(cost)`]: (cost) => make().admit(cost),
    [`${name}.admit(options)`]: (options) => make().admit({}, options),
    [`${name}.tryAdmit(cost)`]: (cost) => make().tryAdmit(cost),
    [`${name}.tryAdmit(options)`]: (options) => make().tryAdmit({}, options),
  }
}

/** Those of the permits of a limiter. */
export function permits(name: string, make: () => Admitting): Readonly<Record<string, Caller>> {
  const settle = async (given: object): Promise<void> =>
    (await make().admit()).settle({ ...endAround(given), ...given })
  return { [`${name}.admit().settle(end)`]: settle }
}

/** What stands beside it in an end: how long it took is told of a success, all else of a refusal too. */
function endAround(given: object): Settlement {
  const isOfSuccess = Object.keys(given).some((name) => name.endsWith("atency"))
  return isOfSuccess ? { outcome: "success" } : { outcome: "throttled", reason: "rate" }
}

/** Those of a quota. */
export function quota(name: string, make: () => Quota): Readonly<Record<string, Caller>> {
  return {
    ...limiter(name, make),
    [`${name}.retune(limits)`]: (limits) => make().retune(limits),
    [`${name}.close(options)`]: (options) => make().close(options),
  }
}
