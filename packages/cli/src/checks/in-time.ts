import { createContext, Script } from "node:vm"

/** Honest patterns need less than a millisecond. */
export const mostMs = 1_000

/**
 * The same function, ended after a second; `undefined` when that was not enough. For a person's patterns on a vendor's texts: some take
 * for ever on some.
 */
export function inTime<T>(fn: (value: T) => boolean): (value: T) => boolean | undefined {
  const scope = createContext({ fn, value: undefined as T | undefined })
  const script = new Script("fn(value)")
  return (value) => {
    scope["value"] = value
    try {
      return script.runInContext(scope, { timeout: mostMs }) as boolean
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined
      throw error
    } finally {
      scope["value"] = undefined
    }
  }
}
