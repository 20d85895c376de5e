import type { Terminal } from "../display/terminal.ts"
import { parseModelName, weakKeyWarning } from "../model/model-name.ts"
import { asksTheSame, sameForAll } from "../question/compile-question.ts"
import type { CheckedRun } from "./checked-run.ts"
import { journalWarning } from "./journal-privacy.ts"

/** What is told before a run begins. */
export function runWarnings(
  { variants, path, total }: CheckedRun,
  { env }: Terminal,
): [code: string, message: string][] {
  const vendors = new Set(variants.map(({ model }) => parseModelName(model).vendor))
  const weakKeys = [...vendors].flatMap((vendor) => weakKeyWarning(vendor, env) ?? [])
  const openJournal = path === undefined ? undefined : journalWarning(path)
  const isSame = total !== 1 && variants.some(({ question }) => asksTheSame(question))
  return [
    ...(isSame ? [["same-question", sameForAll] as [string, string]] : []),
    ...weakKeys.map((text) => ["weak-key", text] as [string, string]),
    ...(openJournal === undefined ? [] : [["journal-readable", openJournal] as [string, string]]),
  ]
}
