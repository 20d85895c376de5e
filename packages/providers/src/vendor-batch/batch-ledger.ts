import type { RunJournal } from "@sluice/core"

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
