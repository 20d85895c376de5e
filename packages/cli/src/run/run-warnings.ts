import type { Terminal } from "../display/terminal.ts"
import { uncountedWarning } from "../model/model-money.ts"
import { parseModelName, weakKeyWarning } from "../model/model-name.ts"
import { asksTheSame, sameForAll } from "../question/compile-question.ts"
import type { CheckedRun } from "./checked-run.ts"
import { statSync } from "node:fs"

/** What is told before a run begins. `edited`: result files that somebody has changed. */
export function runWarnings(
  { variants, path, total, remarks, limits, config, options }: CheckedRun,
  { env }: Terminal,
  edited: readonly string[],
): [code: string, message: string][] {
  const vendors = new Set(variants.map(({ model }) => parseModelName(model).vendor))
  const weakKeys = [...vendors].flatMap((vendor) => weakKeyWarning(vendor, env) ?? [])
  const uncounted = options.format === "openai-batch" ? [] : variants.map(({ model }) => model)
  const unpriced = [...new Set(uncounted)].flatMap((model) => uncountedWarning(model, limits, config) ?? [])
  const openJournal = path === undefined ? undefined : journalWarning(path)
  const isSame = total !== 1 && variants.some(({ question }) => asksTheSame(question))
  return [
    ...(isSame ? [["same-question", sameForAll] as [string, string]] : []),
    ...remarks.words().map((text) => ["own-messages", text] as [string, string]),
    ...unpriced.map((text) => ["no-price", text] as [string, string]),
    ...weakKeys.map((text) => ["weak-key", text] as [string, string]),
    ...edited.map((file) => ["results-edited", editedWarning(file)] as [string, string]),
    ...(openJournal === undefined ? [] : [["journal-readable", openJournal] as [string, string]]),
  ]
}

function editedWarning(file: string): string {
  return `${file} was changed since this run wrote it. It is written anew from the journal, without what was changed: keep a copy of your own under another name.`
}

/** Who else can read a journal, or has put it there; `undefined` when nobody can. Windows tells nothing of that kind. */
export function journalWarning(path: string): string | undefined {
  if (process.platform === "win32") return undefined
  const { mode, uid } = statSync(path)
  const others = (mode & 0o077).toString(8).padStart(2, "0")
  if (uid !== process.getuid?.()) {
    return `${path} belongs to another user (${uid}), who can read and change the prompts and answers in it.`
  }
  if (others === "00") return undefined
  return `${path} can be opened by others (mode ${(mode & 0o777).toString(8)}); prompts and answers are in it in the clear. To keep them to yourself: chmod 600 ${path}`
}
