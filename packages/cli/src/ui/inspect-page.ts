import type { SqliteJournal } from "@sluice/journal"
import { openPage } from "@sluice/page"
import { z } from "zod"
import { printableText } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { promptText } from "../question/prompt-text.ts"
import { keysIn } from "../model/model-name.ts"
import { keptMessages } from "../commands/inspect-item.ts"
import { openBrowser } from "./open-browser.ts"
import { untilUnseen } from "./until-unseen.ts"

export interface InspectPageOptions {
  readonly journal: SqliteJournal
  readonly runId: string
  /** The port, or that of its choice. */
  readonly ui: true | number
}

const scan = z.object({ total: z.number() })

/** `sluice inspect RESULTS --ui`: the page of a run that is over, or that another process runs. */
export async function inspectPage({ journal, runId, ui }: InspectPageOptions, terminal: Terminal): Promise<void> {
  const { clock, env, stderr } = terminal
  const controller = new AbortController()
  const stopListening = terminal.onInterrupt(() => controller.abort())
  const messages = await keptMessages(journal, runId)
  try {
    await using page = await openPage({
      title: runId,
      journal: journal.path,
      runId,
      ...(ui !== true && { port: ui }),
      total: () => scan.safeParse(journal.note(runId, "scan")).data?.total,
      ...(messages && { prompt: (input) => promptText(messages, input) }),
      hasSchema: Object.hasOwn(Object(journal.note(runId, "question")), "schema"),
      secrets: keysIn(env),
      clock,
    })
    stderr.write(`${printableText(`Page: ${page.url}`)}\nIt stays until its tab is closed, or Ctrl-C.\n`)
    if (ui === true) openBrowser(page.url, terminal)
    await untilUnseen(page, clock, controller.signal)
  } finally {
    stopListening()
  }
}
