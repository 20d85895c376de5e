import type { Verdict } from "../../vendors/vendor.ts"

/** The answer is what was asked for. */
export const okVerdict: Verdict = Object.freeze({ kind: "ok", code: "ok", message: "" })

/** Whether every call of the account is refused for good. */
export function refusesAccount({ kind, scope }: Verdict): boolean {
  return kind === "fatal" && scope === "account"
}

/** Makes verdicts on one answer, which differ only in what follows from it. */
export function verdictOn(code: string, message: string): (kind: Verdict["kind"], scope?: Verdict["scope"]) => Verdict {
  return (kind, scope) => ({ kind, code, message, ...(scope ? { scope } : {}) })
}
