import { resolve } from "node:path"
import type { SqliteRunJournal } from "@sluice/journal"
import type { FrameState } from "../display/frame-state.ts"
import type { Terminal } from "../display/terminal.ts"
import { announce } from "./announcement.ts"
import { keepFrames } from "./kept-frame.ts"

export interface WatchedRun {
  readonly run: SqliteRunJournal
  readonly title: string
  /** The journal that stays. */
  readonly path: string | undefined
  readonly state: () => FrameState
}

/** Lets `sluice ps` and `sluice attach` see a run, until the answer is called. */
export function watchable({ run, title, path, state }: WatchedRun, { env, clock }: Terminal): () => Promise<void> {
  const takeBack = announce(env, {
    pid: process.pid,
    runId: run.runId,
    title,
    ...(path !== undefined && { journal: resolve(path) }),
    startedAtMs: clock.wallNow(),
  })
  const stopKeeping = path === undefined ? undefined : keepFrames(run, state, clock)
  return async () => {
    takeBack()
    await stopKeeping?.()
  }
}
