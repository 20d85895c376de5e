import { SluiceError } from "@sluice/core"
import type { RunStand, RunSummary, RunView, SqliteJournal } from "@sluice/journal"
import { notedControls } from "./controls.ts"
import { MeanInFlight } from "./chart/mean-in-flight.ts"
import type { JournalSource } from "./items/journal-source.ts"
import type { RunModel } from "./model/run-model.ts"

/** A run that is read from its journal, whoever writes it. */
export interface FollowedRun {
  /** Reads what is new. */
  poll(): void
}

export interface Following {
  readonly view: RunView
  readonly source: JournalSource
  readonly model: RunModel
  /** What the journal has of changes that were made by hand. */
  readonly noted: () => unknown
}

/** So many moments are a chart. */
const moments = 600

/** The run that is meant: the one of that name, the only one, or the latest. */
export function runOf(journal: SqliteJournal, runId: string | undefined, mustBe: boolean): RunSummary | undefined {
  const runs = journal.runs()
  const found = runId === undefined ? runs[0] : runs.find((run) => run.runId === runId)
  if (found || !mustBe) return found
  if (runs.length === 0) {
    const remedy = "Open its page when a run has begun, or give openPage the open journal that the run is given."
    throw new SluiceError("usage", `${journal.path} has no run yet. ${remedy}`)
  }
  const names = runs.map((run) => run.runId).join(", ")
  throw new SluiceError("usage", `${journal.path} has no run "${runId ?? ""}". It has: ${names}.`)
}

/** Fills a model from a journal, and goes on when somebody writes into it, also after an end. */
export function followRun({ view, source, model, noted }: Following): FollowedRun {
  let before: RunStand | undefined
  let knownMs = 0
  let toldWallMs = -Infinity
  const tellControls = (): void => {
    for (const { wallMs, ...event } of notedControls(noted(), toldWallMs)) {
      model.hear({ ...event, atMs: model.clockOf(wallMs) })
      toldWallMs = wallMs
    }
  }
  const look = (): void => {
    if (source.isLoading) return
    let now: RunStand
    try {
      now = view.stand()
      if (now.edition !== before?.edition) tellControls()
    } catch {
      // It cannot be read, or is gone: what was read stays.
      return
    }
    if (now.edition === before?.edition && now.status === before.status) return
    const isOver = now.status !== "running"
    const isSameEnd = isOver && now.endedAtMs !== undefined && now.endedAtMs === before?.endedAtMs
    const wasRunning = before?.status === "running"
    // What a command has replaced on its way is read when it is through.
    const isAnew = before !== undefined && isOver && !isSameEnd
    before = now
    // Another run of the same file goes on.
    if (isSameEnd) return
    if (isAnew) source.forget()
    if (!isOver && !wasRunning) model.begin()
    void source.load().then(() => {
      knownMs = draw(model, knownMs, isOver)
      const { status, startedAtMs, endedAtMs } = now
      if (status !== "running") model.end(status, endedAtMs === undefined ? knownMs : endedAtMs - startedAtMs)
    })
  }
  look()
  return { poll: look }
}

/** The charts and sums out of what items tell: when each was settled, and what it took. Answers when the last one was. */
function draw(model: RunModel, knownMs: number, isOver: boolean): number {
  const { columns, series } = model
  const { count, settledMs, attempts, inputTokens, outputTokens, latencyMs, usd } = columns
  let lastMs = 0
  const sums = { settled: 0, calls: 0, inputTokens: 0, outputTokens: 0, usd: undefined as number | undefined }
  for (let row = 0; row < count; row++) {
    const atMs = settledMs[row]!
    if (Number.isNaN(atMs)) continue
    lastMs = Math.max(lastMs, atMs)
    sums.settled++
    sums.calls += attempts[row]!
    sums.inputTokens += inputTokens[row]! || 0
    sums.outputTokens += outputTokens[row]! || 0
    if (!Number.isNaN(usd[row]!)) sums.usd = (sums.usd ?? 0) + usd[row]!
  }
  const fresh: number[] = []
  const endMs = Math.max(1_000, lastMs)
  const spanMs = Math.max(1_000, Math.ceil(endMs / moments / 1_000) * 1_000)
  const length = Math.floor(endMs / spanMs) + 1
  const [requests, tokens] = [new Float64Array(length), new Float64Array(length)]
  const flights = new MeanInFlight(length)
  for (let row = 0; row < count; row++) {
    const atMs = settledMs[row]!
    if (Number.isNaN(atMs) || atMs < 0) continue
    if (atMs > Math.max(knownMs, lastMs - 60_000)) fresh.push(atMs)
    const at = Math.min(length - 1, Math.floor(atMs / spanMs))
    requests[at]!++
    tokens[at]! += (inputTokens[row]! || 0) + (outputTokens[row]! || 0)
    flights.add(Math.max(0, atMs - (latencyMs[row]! || 0)) / spanMs, atMs / spanMs)
  }
  model.take(
    sums,
    fresh.toSorted((a, b) => a - b),
  )
  series.clear()
  for (const [at, inFlight] of flights.means().entries()) {
    series.put((at + 1) * spanMs, spanMs, requests[at]!, tokens[at]!, inFlight)
  }
  // Of a run that is over nothing is with the vendor.
  if (isOver) series.put(length * spanMs + 1, 1, 0, 0, 0)
  return lastMs
}
