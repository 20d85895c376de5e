// What `scripts/check-pack.ts` compiles with declarations: a library of somebody's that exports its nodes.
import { createQuota, define, limitedFetch, openJournal, parallelMap } from "sluice"

interface Shared {
  texts: string[]
  lengths?: number[]
  again: boolean
}

export const kinds = define<Shared>()
export const { step, batch, flow, batchFlow, pipeline } = kinds
export const quiet = step({ name: "quiet" })
export const load = step({
  name: "load",
  prep: (shared) => shared.texts,
  exec: (texts) => texts.length,
  post: (shared) => (shared.again ? "again" : "enough"),
})
export const measure = batch({
  name: "measure",
  prep: (shared) => shared.texts,
  exec: async (text) => text.length,
  post: (shared, _texts, lengths) => {
    shared.lengths = lengths
  },
})
export const collected = batch({
  name: "collected",
  prep: (shared) => shared.texts,
  exec: async (text) => ({ text }),
  onError: "collect",
  post: (_shared, _texts, outcomes) => (outcomes.length > 1 ? "many" : undefined),
})
export const sunk = batch({
  name: "sunk",
  prep: (shared) => shared.texts,
  exec: async (text) => text,
  onOutcome: (outcome) => void outcome,
})
export const app = flow({
  name: "app",
  nodes: { load, measure },
  start: "load",
  edges: { load: { enough: "measure", again: null } },
})
export const perFile = batchFlow({ name: "per-file", prep: () => [{ file: "a" }], flow: app })
export const first = batch({ name: "first", prep: (shared) => shared.texts, exec: (text) => text.length })
export const second = batch({ name: "second", exec: (length: number) => length + 1 })
export const line = pipeline([first, second])
export const fetch = limitedFetch({ requestsPerMinute: 5 })
export const journal = openJournal({ path: ":memory:" })
export const quota = createQuota({ requestsPerMinute: 5 })
export const map = parallelMap([1], (n) => n)
