import type { RunJournal } from "@sluice/core"
import type { BatchNotes, NotedBatch } from "./engine/batch-record.ts"

/** What survives a crash: small JSON values by key, each written once. */
export interface BatchLedger {
  readonly read: (key: string) => Promise<unknown>
  /** Resolves when the value is durable. */
  readonly write: (key: string, value: unknown) => Promise<void>
}

/** A ledger that a crash forgets: for lanes whose work may be submitted twice. */
export function memoryLedger(): BatchLedger {
  const values = new Map<string, unknown>()
  return {
    read: async (key) => values.get(key),
    write: async (key, value) => void values.set(key, value),
  }
}

/** A ledger in a run's journal, under the node's name. */
export function journalLedger(journal: RunJournal, node: string): BatchLedger {
  const identity = (key: string): Parameters<RunJournal["lookup"]>[0] => ({
    node: `${node}/batches`,
    visit: 0,
    params: {},
    key,
    input: key,
  })
  return {
    async read(key) {
      const record = await journal.lookup(identity(key))
      return record?.status === "ok" ? record.value : undefined
    },
    write: (key, value) => journal.settle(identity(key), { status: "ok", index: 0, value, attempts: 1 }),
  }
}

/** Batches noted in a ledger, numbered under the name of the work. Nothing is forgotten: whoever runs it again gets the same answers. */
export function batchesInLedger(ledger: BatchLedger, work: string): BatchNotes {
  const keys = new Map<string, string>()
  let last = Promise.resolve()
  return {
    async all() {
      const batches: NotedBatch[] = []
      for (;;) {
        const key = `${work}/${keys.size}`
        const noted = (await ledger.read(`${key}/intent`)) as NotedBatch | undefined
        if (!noted) return batches
        keys.set(noted.tag, key)
        const batchId = await ledger.read(`${key}/created`)
        batches.push({ ...noted, ...(typeof batchId === "string" ? { batchId } : {}) })
      }
    },
    intend(batch) {
      // One after the other, so that no number is left out.
      const write = last.then(async () => {
        const key = `${work}/${keys.size}`
        await ledger.write(`${key}/intent`, batch)
        keys.set(batch.tag, key)
      })
      last = write.catch(() => {})
      return write
    },
    created: (tag, batchId) => ledger.write(`${keys.get(tag)}/created`, batchId),
    forget: async () => {},
  }
}
