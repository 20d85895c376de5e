import type { Outcome } from "./outcome.ts"
import type { Journal } from "./ports.ts"

/** Answers items from earlier outcomes, by index; what is missing or failed there goes to `journal`, if there is one. */
export function redriveJournal(outcomes: readonly Outcome<unknown>[], journal: Journal | undefined): Journal {
  const settled = new Map(
    outcomes.filter((outcome) => outcome.status === "ok").map((outcome) => [outcome.index, outcome]),
  )
  return {
    openRun: async (run) => {
      const inner = await journal?.openRun(run)
      return {
        lookup: (identity) => settled.get(identity.index!) ?? inner?.lookup(identity),
        settle: async (identity, outcome) => inner?.settle(identity, outcome),
        end: async (status) => inner?.end(status),
      }
    },
  }
}
