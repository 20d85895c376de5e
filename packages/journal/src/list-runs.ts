import { apart } from "./items/apart.ts"
import { parseRun, type RunRecord } from "./values/records.ts"
import type { Database, Statement } from "./file/sqlite-module.ts"
import { translating } from "./journal-error.ts"
import { writerState } from "./file/writer-lock.ts"

export interface RunSummary {
  readonly runId: string
  readonly flow: string
  /** `interrupted`: its process is gone, or left it open; the same run id resumes it. */
  readonly status: "running" | "interrupted" | "ok" | "failed" | "cancelled"
  readonly startedAtMs: number
  readonly endedAtMs: number | undefined
  /** How many items, without those that the last run had no input for; `undefined` where the file is damaged. */
  readonly ok: number | undefined
  readonly failed: number | undefined
  /** The process that writes it now. */
  readonly pid: number | undefined
}

/** @internal */
export function listRuns(database: Database, path: string): RunSummary[] {
  return translating(path, () => {
    const counts = database.prepare(
      `SELECT status, count(*) AS n FROM items JOIN places USING (place) WHERE run = ? AND idx < ${apart} GROUP BY status`,
    )
    return database
      .prepare("SELECT * FROM runs ORDER BY startedAtMs DESC, run DESC")
      .all()
      .map((row) => {
        const record = parseRun(row, path)
        const { run, runId, flow, startedAtMs, endedAtMs } = record
        const count = countsOf(counts, run)
        return { runId, flow, startedAtMs, endedAtMs: endedAtMs ?? undefined, ...count, ...standOf(record) }
      })
  })
}

/** How a run stands, by whether the process that writes it is there. @internal */
export function standOf({ status, writer }: RunRecord): Pick<RunSummary, "status" | "pid"> {
  const live = writer !== null && writerState(writer) !== "gone"
  return { status: status === "running" && !live ? "interrupted" : status, pid: live ? writer.pid : undefined }
}

function countsOf(statement: Statement, run: number): Pick<RunSummary, "ok" | "failed"> {
  try {
    const counts = new Map(statement.all(run).map(({ status, n }) => [status, Number(n)]))
    return { ok: counts.get("ok") ?? 0, failed: counts.get("failed") ?? 0 }
  } catch {
    // Counting reads every item; a run can be named, and exported, without.
    return { ok: undefined, failed: undefined }
  }
}
