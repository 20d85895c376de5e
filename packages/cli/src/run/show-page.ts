import { basename } from "node:path"
import type { EventSink } from "@sluice/core"
import { promptText } from "../question/prompt-text.ts"
import type { HandsOn } from "../ui/hands-on.ts"
import type { ShownRun } from "../ui/run-page.ts"
import { titleOf as modelsIn } from "../variants/variant.ts"
import type { CheckedRun } from "./checked-run.ts"

export function titleOf({ out, variants }: CheckedRun): string {
  return `${basename(out)} with ${modelsIn(variants)}`
}

/** What the page tells of this run hears what the run tells. */
export async function showPage(
  checked: CheckedRun,
  hands: HandsOn,
  observe: EventSink,
  shared: ShownRun["shared"],
): Promise<EventSink | undefined> {
  const { page, run, total, journal, path, variants } = checked
  const [{ question }] = variants
  return page?.show({
    title: titleOf(checked),
    runId: run.runId,
    total,
    journal,
    path,
    hands,
    observe,
    shared,
    prompt: (input) => promptText(question.messages, input),
    hasSchema: question.schema !== undefined,
  })
}
