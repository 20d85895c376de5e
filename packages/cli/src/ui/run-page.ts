import type { EventSink, SluiceEvent } from "@sluice/core"
import { openJournal, type SqliteJournal } from "@sluice/journal"
import { type ControlEvent, openPage, type Page, type PageControls, type PageOptions } from "@sluice/page"
import { keysIn } from "../model/model-name.ts"
import { printableText } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { ofItem } from "../run/items/item-notes.ts"
import type { HandsOn } from "./hands-on.ts"
import { openBrowser } from "./open-browser.ts"
import { untilUnseen } from "./until-unseen.ts"

/** What a run tells its page when it begins. */
export interface ShownRun {
  readonly title: string
  readonly runId: string
  readonly total: number | undefined
  readonly journal: SqliteJournal
  /** Of a journal that stays. */
  readonly path: string | undefined
  readonly hands: HandsOn
  readonly prompt: (input: unknown) => string
  readonly hasSchema: boolean
  readonly observe: EventSink
  /** What other processes and this one share. */
  readonly shared: PageOptions["shared"]
}

/** The page of `sluice run --ui`, over all that it runs: again, when somebody has failed items asked again. */
export class RunPage {
  readonly #port: number | undefined
  readonly #terminal: Terminal
  readonly #stopListening: () => void
  #page: Page | undefined
  #journal: SqliteJournal | undefined
  #shown: ShownRun | undefined
  #total: number | undefined
  /** What runs now asks failed items alone; what is open is the same command's. */
  isRetry = false
  isRetryWanted = false
  #isInterrupted = false
  #isRunning = false
  readonly #later: ControlEvent[] = []
  #wake: (() => void) | undefined

  constructor(ui: number | true, terminal: Terminal) {
    this.#port = ui === true ? undefined : ui
    this.#terminal = terminal
    this.#stopListening = terminal.onInterrupt(() => {
      this.#isInterrupted = true
      this.#wake?.()
    })
  }

  /** Failed items are asked again once the others are through. */
  readonly retryFailed = (): void => {
    this.isRetryWanted = true
    this.#wake?.()
  }

  /** Shows a run; what it tells goes to the answer, as long as it runs. */
  async show(run: ShownRun): Promise<EventSink> {
    // What somebody has set on the page holds for what runs next too.
    const changed = this.#shown?.hands.changed
    if (changed) run.hands.controls.update?.(changed)
    this.#shown = run
    this.#total = run.total
    this.isRetryWanted = false
    if (this.#page) this.#page.begin()
    else this.#page = await this.#open(run)
    this.#isRunning = true
    for (const event of this.#later.splice(0)) run.hands.keep(event)
    const { onEvent } = this.#page
    return Object.assign((event: SluiceEvent) => onEvent(ofItem(event, run.runId)), {
      ...(onEvent.watch && { watch: onEvent.watch }),
    })
  }

  /** `interrupted`: by somebody. */
  end(status: "ok" | "failed" | "cancelled", interrupted: boolean): void {
    this.#isRunning = false
    this.#page?.end(status)
    if (!interrupted || !this.isRetryWanted) return
    // Whoever ends a run does not want it to begin again.
    this.isRetryWanted = false
    this.#print("Failed items are not asked again, as was wanted before: the run was ended.")
  }

  /** Resolves when nobody looks any more, at a Ctrl-C, or with `true` when failed items are to be asked again. */
  async linger(): Promise<boolean> {
    if (this.#page && this.#page.viewers > 0 && !this.isRetryWanted && !this.#isInterrupted) {
      this.#print("The page stays until its tab is closed, or Ctrl-C.")
      const controller = new AbortController()
      this.#wake = () => controller.abort()
      await untilUnseen(this.#page, this.#terminal.clock, controller.signal)
    }
    this.isRetry = this.isRetryWanted && !this.#isInterrupted
    return this.isRetry
  }

  async close(): Promise<void> {
    this.#stopListening()
    await this.#page?.close()
    await this.#journal?.close()
  }

  async #open({ title, path, runId, journal, prompt, hasSchema, shared }: ShownRun): Promise<Page> {
    const { env, clock } = this.#terminal
    // One of its own: it is looked at for longer than the run lasts.
    if (path !== undefined) this.#journal = openJournal({ path, readOnly: true, clock })
    const page = await openPage({
      title,
      ...(this.#port !== undefined && { port: this.#port }),
      total: () => this.#total,
      journal: this.#journal ?? journal,
      runId,
      prompt,
      hasSchema,
      controls: this.#controls(),
      onControl: (event) => this.#controlled(event),
      secrets: keysIn(env),
      // Of the run that is shown now: another one opens them anew.
      ...(shared && { shared: async () => (await this.#shown?.shared?.()) ?? [] }),
      clock,
    })
    this.#print(`Page: ${page.url}`)
    if (this.#port === undefined) openBrowser(page.url, this.#terminal)
    return page
  }

  #controlled(event: ControlEvent): void {
    // Of a run that is over the journal is closed: the next one notes it.
    if (!this.#isRunning) return void this.#later.push(event)
    this.#shown?.observe(event)
    this.#shown?.hands.keep(event)
  }

  /** Of the run that is shown now. */
  #controls(): PageControls {
    const of = (): PageControls => this.#shown?.hands.controls ?? {}
    return {
      pause: () => of().pause?.(),
      resume: () => of().resume?.(),
      drain: () => of().drain?.(),
      stop: () => of().stop?.(),
      update: (limits) => of().update?.(limits),
      ...(this.#shown?.hands.controls.retryFailed && { retryFailed: this.retryFailed }),
    }
  }

  #print(line: string): void {
    this.#terminal.stderr.write(`${printableText(line)}\n`)
  }
}
