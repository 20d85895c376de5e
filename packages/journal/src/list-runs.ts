import { parseRun } from "./records.ts"
import type { Database } from "./sqlite-module.ts"
import { translating } from "./journal-error.ts"
import { writerState } from "./writer-lock.ts"

export interface RunSummary {
  readonly runId: string
  readonly flow: string
  /** `interrupted`: its process is gone, or left it open; the same run id resumes it. */
  readonly status: "running" | "interrupted" | "ok" | "failed" | "cancelled"
  readonly startedAtMs: number
  readonly endedAtMs: number | undefined
  readonly ok: number
  readonly failed: number
  /** The process that writes it now. */
  readonly pid: number | undefined
}

/** @internal */
export function listRuns(database: Database, path: string): RunSummary[] {
  return translating(path, () => {
    const counts = database.prepare(
      "SELECT status, count(*) AS n FROM items JOIN places USING (place) WHERE run = ? GROUP BY status",
    )
    return database
      .prepare("SELECT * FROM runs ORDER BY startedAtMs DESC, run DESC")
      .all()
      .map((row) => {
        const { run, runId, flow, status, startedAtMs, endedAtMs, writer } = parseRun(row, path)
        const live = writer !== null && writerState(writer) !== "gone"
        const count = new Map(counts.all(run).map(({ status: key, n }) => [key, Number(n)]))
        return {
          runId,
          flow,
          status: status === "running" && !live ? "interrupted" : status,
          startedAtMs,
          endedAtMs: endedAtMs ?? undefined,
          ok: count.get("ok") ?? 0,
          failed: count.get("failed") ?? 0,
          pid: live ? writer.pid : undefined,
        }
      })
  })
}
