import type { Journal, Outcome, RecordIdentity, SettledRecord } from "@sluice/core"

/** A journal in memory: what it holds is plain to see. */
export class MemoryJournal implements Journal {
  readonly records = new Map<string, SettledRecord>()
  readonly settles: {
    readonly identity: RecordIdentity
    readonly outcome: Outcome<unknown>
    readonly cost: unknown
  }[] = []
  readonly ends: string[] = []
  readonly opened: string[] = []
  /** What was noted beside the items. A run offers notes where this is given. */
  notes: Map<string, unknown> | undefined
  isAsync = false
  beforeSettle: ((identity: RecordIdentity) => unknown) | undefined
  onEnd: (() => void) | undefined

  async openRun(run: { readonly runId: string; readonly flow: string }) {
    this.opened.push(`${run.runId}:${run.flow}`)
    const keyOf = (identity: RecordIdentity): string => JSON.stringify([run.runId, identity])
    const { notes } = this
    return {
      ...(notes && {
        note: (key: string): unknown => notes.get(key),
        putNote: async (key: string, value: unknown): Promise<void> => void notes.set(key, value),
      }),
      lookup: (identity: RecordIdentity): SettledRecord | undefined | Promise<SettledRecord | undefined> => {
        const record = this.records.get(keyOf(identity))
        return this.isAsync ? Promise.resolve(record) : record
      },
      settle: async (identity: RecordIdentity, outcome: Outcome<unknown>, cost?: unknown): Promise<void> => {
        await this.beforeSettle?.(identity)
        this.settles.push({ identity, outcome, cost })
        const { attempts } = outcome
        this.records.set(
          keyOf(identity),
          outcome.status === "ok"
            ? { status: "ok", value: outcome.value, attempts }
            : { status: "failed", error: outcome.error, attempts },
        )
      },
      end: async (status: "ok" | "failed" | "cancelled"): Promise<void> => {
        this.ends.push(status)
        this.onEnd?.()
      },
    }
  }
}
