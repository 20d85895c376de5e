import { createDefine, define, runPlace, sequentialExecutor, sequentialRuntime, type SluiceEvent } from "@sluice/core"
import { expect, test } from "vitest"

const { step, batch, flow, batchFlow, pipeline } = define<object>()
const node = step({ name: "node" })
const one = batch({ name: "one", prep: () => [1], exec: (n) => n })
const two = batch({ name: "two", exec: (n: number) => n })
const exec = (): number => 1
const prep = (): number[] => [1]

const place = { path: "one", visit: 0, runId: "run", params: {} }
const options = { runtime: sequentialRuntime }

/** As a program writes them that no compiler has seen. */
test.each<[string, () => unknown, string]>([
  [
    "step",
    () => step({ name: "x", timeoutms: 5 } as never),
    'step "x": unknown option "timeoutms". Did you mean "timeoutMs"?',
  ],
  [
    "step's retry",
    () => step({ name: "x", retry: { maxAttempt: 3 } } as never),
    'step "x": unknown option "retry.maxAttempt". Did you mean "maxAttempts"?',
  ],
  [
    "step's backoff",
    () => step({ name: "x", retry: { maxAttempts: 3, backoff: { factr: 2 } } } as never),
    'unknown option "retry.backoff.factr". Did you mean "factor"?',
  ],
  ["step's exec", () => step({ name: "x", exec: "text" } as never), 'step "x": exec must be a function (got "text").'],
  ["step without anything", () => step(undefined as never), "step: options must be an object (got undefined)."],
  [
    "batch",
    () => batch({ name: "x", prep, exec, concurency: 3 } as never),
    'batch "x": unknown option "concurency". Did you mean "concurrency"?',
  ],
  [
    "batch without exec",
    () => batch({ name: "x", prep } as never),
    'batch "x": exec must be a function (got undefined).',
  ],
  [
    "batch's limiter",
    () => batch({ name: "x", prep, exec, limiter: 5 } as never),
    'batch "x": limiter must be a Limiter, as createQuota(…) or sharedQuotas(…).quota(name) (got 5).',
  ],
  [
    "batch's onError",
    () => batch({ name: "x", prep, exec, onError: { maxFailure: 3 } } as never),
    'batch "x": unknown option "onError.maxFailure". Did you mean "maxFailures"?',
  ],
  [
    "batch's lane",
    () => batch({ name: "x", prep, exec, lane: { deadline: 3 } } as never),
    'batch "x": unknown option "lane.deadline". Did you mean "deadlineMs"?',
  ],
  [
    "flow",
    () => flow({ name: "x", nodes: { node }, strat: "node" } as never),
    'flow "x": unknown option "strat". Did you mean "start"?',
  ],
  [
    "flow's nodes",
    () => flow({ name: "x", nodes: { node: exec }, start: "node" } as never),
    'flow "x": nodes.node must be a node (got a function).',
  ],
  [
    "batch flow",
    () => batchFlow({ name: "x", flow: node, prep, onEror: "stop" } as never),
    'batch flow "x": unknown option "onEror". Did you mean "onError"?',
  ],
  [
    "batch flow without flow",
    () => batchFlow({ name: "x", prep } as never),
    'batch flow "x": flow must be a node (got undefined).',
  ],
  ["pipeline", () => pipeline([one, two], { nmae: "x" } as never), 'unknown option "nmae". Did you mean "name"?'],
  [
    "define",
    () => define({ "~standard": {} } as never, { chek: "posts" } as never),
    'define: unknown option "chek". Did you mean "check"?',
  ],
])("%s", (_name, make, message) => {
  expect(make).toThrow(message)
})

test("a run's options", async () => {
  await expect(node.run({}, { jurnal: {} } as never)).rejects.toThrow(
    'run: unknown option "jurnal". Did you mean "journal"?',
  )
  await expect(node.run({}, { priority: "high" } as never)).rejects.toThrow(
    'run: priority must be a number (got "high").',
  )
})

test.each<[string, () => unknown, string]>([
  [
    "createDefine",
    () => createDefine({ ...sequentialRuntime, randm: 1 } as never),
    'createDefine: unknown option "randm". Did you mean "random"?',
  ],
  [
    "a map of an executor",
    () => sequentialExecutor.map([1], { attempt: exec }, { onErorr: "collect" } as never),
    'executor.map: unknown option "onErorr". Did you mean "onError"?',
  ],
  [
    "the work of one",
    () => sequentialExecutor.map([1], { attempt: exec, setled: exec } as never, {}),
    'executor.map: unknown option "setled". Did you mean "settled"?',
  ],
])("%s", (_name, make, message) => {
  expect(make).toThrow(message)
})

test("runPlace", async () => {
  await expect(runPlace(one, { ...place, visits: 1 } as never, 1, 0, options)).rejects.toThrow(
    'runPlace: unknown option "visits". Did you mean "visit"?',
  )
  await expect(runPlace(one, place, 1, 0, { ...options, signl: 1 } as never)).rejects.toThrow(
    'runPlace: unknown option "signl". Did you mean "signal"?',
  )
})

test("spend: an amount that is none fails its item, and counts nowhere", async () => {
  const events: SluiceEvent[] = []
  const node = step({ name: "node", exec: (_, { spend }) => spend({ usd: 1, inputToken: 5 } as never) })
  await expect(node.run({}, { onEvent: (event) => void events.push(event) })).rejects.toThrow(
    'spend: unknown option "cost.inputToken". Did you mean "inputTokens"?',
  )
  expect(events.filter(({ type }) => type === "usage")).toEqual([])
})
