import { randomBytes } from "node:crypto"
import type { AddressInfo } from "node:net"
import { type EventSink, SluiceError } from "@sluice/core"
import { runWithin, tellWarning } from "@sluice/core/internal"
import { openJournal, redactSecrets, userName } from "@sluice/journal"
import { systemClock } from "@sluice/scheduler"
import { actionsOf, carryOut, type ControlEvent, parseControl } from "./controls.ts"
import { ItemList } from "./items/item-list.ts"
import { beginning, errorLength, type ItemTexts, longText, type Redact, type TextSource } from "./items/text-source.ts"
import { JournalSource } from "./items/journal-source.ts"
import { timelineOf, traceOf } from "./items/timeline.ts"
import { wordsOf } from "./items/traces.ts"
import { RunModel } from "./model/run-model.ts"
import { checkPageOptions, type PageOptions } from "./options.ts"
import { clientFiles } from "./server/page-files.ts"
import { inTime } from "./server/in-time.ts"
import { LiveStream } from "./server/live-stream.ts"
import { pageServer } from "./server/page-server.ts"
import { followRun, type FollowedRun, runOf } from "./follow-run.ts"
import type { Hello, ItemDetail, Tick } from "./wire.ts"

const tickMs = 1_000

/** A page that is open. */
export interface Page extends AsyncDisposable {
  /** With its token: whoever has it sees everything and may press every button. */
  readonly url: string
  /** For `onEvent` of `limitedFetch` and of the run, the same for both. */
  readonly onEvent: EventSink
  /** How many tabs look at it now. */
  readonly viewers: number
  /** Says that the run is over, however it ended; `begin` that it goes on. A run of a flow says so by its own events. */
  end(status: "ok" | "failed" | "cancelled"): void
  begin(): void
  /** Ends the server. A second call does nothing. */
  close(): Promise<void>
}

/**
 * Opens a live page of a run on this machine alone: how far, how long, how much, why calls wait, what each item was asked and answered.
 *
 * @throws SluiceError `invalid-option`; `usage` when the port is taken; `journal-unreadable`
 * @example
 * ```ts no-run
 * const page = await openPage({ title: "digest" })
 * const fetch = limitedFetch({ requestsPerMinute: 500, onEvent: page.onEvent })
 * console.log(page.url)
 * ```
 */
export async function openPage(options: PageOptions = {}): Promise<Page> {
  checkPageOptions(options)
  const { clock = systemClock, controls = {}, secrets = [], flow, shared, total, onEvent: other } = options
  const token = options.token ?? randomBytes(24).toString("base64url")
  const redact = (text: string): string => redactSecrets(text, secrets)
  const files = await clientFiles()

  const journal =
    typeof options.journal === "string" ? openJournal({ path: options.journal, readOnly: true }) : options.journal
  const run = journal && runOf(journal, options.runId, typeof options.journal === "string")
  const title = options.title ?? run?.runId ?? flow?.toJSON().name ?? "sluice"
  let source: JournalSource | undefined
  const model = new RunModel(
    {
      title,
      clock,
      total: () => safely(() => (typeof total === "function" ? total() : total)),
      actions: () => actionsOf(controls, model.isOver),
      loading: () => source?.isLoading ?? false,
      redact,
    },
    typeof options.journal === "string" ? run?.startedAtMs : undefined,
  )
  /** A page never ends the run: what the program gave it, such as `total`, may throw, and is said among the marks. */
  const safely = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      tellWarning(model.hear.bind(model), clock.now(), "page", `This page was not told all: ${wordsOf(error)}`)
      return undefined
    }
  }
  const { columns, index } = model
  const sourceOf = (runId: string): JournalSource => {
    const { prompt, hasSchema } = options
    return new JournalSource({
      view: journal!.look(runId),
      columns,
      index,
      clock,
      startWallMs: model.startWallMs,
      prompt,
      hasSchema,
      isAlone: typeof options.journal === "string",
      redact,
      longestSecret: Math.max(0, ...secrets.map(({ length }) => length)),
    })
  }
  let shownRun = run?.runId
  if (run) source = sourceOf(run.runId)
  /** A page may be open before its run is in the journal: the run says its name when it begins. */
  const meet = (runId: string): void => {
    if (!journal || typeof options.journal === "string" || runId === shownRun) return
    if (options.runId !== undefined && runId !== options.runId) return
    source?.close()
    list.close()
    source = sourceOf(runId)
    shownRun = runId
  }
  const list = new ItemList(
    columns,
    index,
    () => source,
    () => clock.now(),
  )

  let sentSeries = 0
  let sentEdition = 0
  const hello = (): string => {
    const answer: Hello = {
      state: model.state(),
      series: model.series.since(),
      marks: model.marks.all,
      ...(flow && { flow: flow.toJSON() }),
      fromJournal: followed !== undefined,
      isShared: shared !== undefined,
    }
    return redact(JSON.stringify(answer))
  }
  const stream = new LiveStream(hello)
  const tellNews = (): void => {
    const marks = model.marks.changes()
    const isKnown = sentEdition === model.series.edition
    // Where this is thrown out of, everything is told anew the next time.
    sentEdition = Number.NaN
    if (isKnown) {
      const from = sentSeries
      stream.tell("tick", () => {
        const tick: Tick = { state: model.state(), series: model.series.since(from), marks }
        return redact(JSON.stringify(tick))
      })
    } else stream.tell("hello", hello)
    sentSeries = model.series.end
    sentEdition = model.series.edition
  }
  const tell = (): void => safely(tellNews)
  const hear: EventSink = (event) => {
    other?.(event)
    if (event.type === "run-start") safely(() => meet(event.runId))
    model.hear(event)
  }
  const onEvent: EventSink = Object.assign(hear, {
    watch: (state) => {
      model.watch(state)
      other?.watch?.(state)
    },
    ...(other?.within && { within: (work, fn) => runWithin(other, work, fn) }),
    wantsContent: other?.wantsContent === true,
  } satisfies Pick<EventSink, "watch" | "within" | "wantsContent">)

  const control = (body: unknown): ControlEvent["action"] => {
    const { action, changes } = parseControl(body)
    if (action === "retry-failed" && model.isRetryWanted) throw new Error("That is wanted already.")
    if (model.isOver && action !== "retry-failed") throw new Error("The run is over.")
    carryOut(controls, action, changes)
    const event: ControlEvent = {
      type: "control",
      atMs: clock.now(),
      action,
      by: `${userName()}, page`,
      ...(changes && { changes }),
    }
    onEvent(event)
    options.onControl?.(event)
    tell()
    return action
  }

  const app = pageServer({
    token,
    port: () => port,
    title: () => redact(title),
    files,
    stream,
    hello,
    items: (question) => list.page(question),
    item: (row) => detailOf(row, model, list, source, redact),
    text: (row, which) =>
      row < columns.count ? source?.texts(columns.node(row), columns.index[row]!)?.[which] : undefined,
    timeline: (fromMs, toMs) => timelineOf(model.traces, columns, model.latestMs, { fromMs, toMs }),
    ...(shared && { shared: inTime(clock, shared) }),
    control,
    redact,
  })
  try {
    await app.listen({ port: options.port ?? 0, host: "127.0.0.1" })
  } catch (error) {
    if (typeof options.journal === "string") await journal?.close()
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error
    throw new SluiceError("usage", `Port ${options.port} is taken. Choose another, or none for one that is free.`)
  }
  const { port } = app.server.address() as AddressInfo

  let followed: FollowedRun | undefined
  if (typeof options.journal === "string" && journal && run && source) {
    const noted = (): unknown => journal.note(run.runId, "control")
    followed = followRun({ view: journal.look(run.runId), source, model, noted })
  } else void source?.load()
  let cancelTick: (() => void) | undefined
  const tick = (): void => {
    safely(() => (followed ? followed.poll() : model.tick()))
    tell()
    cancelTick = clock.setTimer(tickMs, tick)
  }
  cancelTick = clock.setTimer(tickMs, tick)

  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    cancelTick?.()
    source?.close()
    list.close()
    stream.close()
    await app.close()
    if (typeof options.journal === "string") await journal?.close()
  }
  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    onEvent,
    get viewers() {
      return stream.size
    },
    end(status) {
      model.end(status)
      model.series.close(model.now(), {
        inFlight: 0,
        requestLimit: undefined,
        tokenLimit: undefined,
        waiting: new Map(),
      })
      tell()
    },
    begin: () => model.begin(),
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  }
}

function detailOf(
  row: number,
  model: RunModel,
  list: ItemList,
  source: TextSource | undefined,
  redact: Redact,
): ItemDetail | undefined {
  const { columns, traces } = model
  if (row >= columns.count) return undefined
  const trace = traces.of(row)
  const texts = source?.texts(columns.node(row), columns.index[row]!)
  const { asked, answered, ...facts }: Partial<ItemTexts> = texts ?? {}
  return {
    ...list.row(row),
    ...facts,
    ...(asked !== undefined && { asked: longText(asked, redact) }),
    ...(answered !== undefined && { answered: longText(answered, redact) }),
    // Where no journal has it.
    ...(facts.error === undefined &&
      trace?.error !== undefined && { error: beginning(trace.error, errorLength, redact) }),
    ...(trace && { trace: traceOf(trace, columns) }),
  }
}
