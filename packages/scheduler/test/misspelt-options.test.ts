import {
  adaptive,
  attemptLoop,
  bottleneckLimiter,
  createQuota,
  keyed,
  LocalLedger,
  mapAll,
  parallelExecutor,
  parallelMap,
  quotaOn,
  retryBudget,
  semaphore,
  systemClock,
  systemRandom,
  throttle,
} from "@sluice/scheduler"
import { expect, test } from "vitest"

const map = (options: object): unknown => parallelMap([1], (n) => n, options)
const two = semaphore({ limit: 2 })
const executor = parallelExecutor(systemClock, systemRandom)

/** As a program writes them that no compiler has seen. */
test.each<[string, () => unknown, string]>([
  [
    "parallelMap",
    () => map({ concurency: 2 }),
    'parallelMap: unknown option "concurency". Did you mean "concurrency"?',
  ],
  [
    "its retry",
    () => map({ retry: { maxAttempt: 2 } }),
    'parallelMap: unknown option "retry.maxAttempt". Did you mean "maxAttempts"?',
  ],
  [
    "its backoff",
    () => map({ retry: { maxAttempts: 2, backoff: { max: 1 } } }),
    'unknown option "retry.backoff.max". Did you mean "maxMs"?',
  ],
  ["its priority", () => map({ priority: "high" }), 'parallelMap: priority must be a number (got "high").'],
  [
    "semaphore",
    () => semaphore({ limit: 2, maxQue: 5 } as never),
    'semaphore: unknown option "maxQue". Did you mean "maxQueue"?',
  ],
  [
    "semaphore without a limit",
    () => semaphore({} as never),
    "semaphore: limit must be a whole number of at least 1 (got undefined).",
  ],
  ["keyed", () => keyed(() => two, { idleMS: 5 } as never), 'keyed: unknown option "idleMS". Did you mean "idleMs"?'],
  [
    "retryBudget",
    () => retryBudget({ shre: 0.1 } as never),
    'retryBudget: unknown option "shre". Did you mean "share"?',
  ],
  ["adaptive", () => adaptive({ maximum: 5 } as never), 'adaptive: unknown option "maximum"'],
  [
    "bottleneckLimiter",
    () => bottleneckLimiter({ on: () => {} } as never, { maxConcurent: 5 } as never),
    'unknown option "maxConcurent". Did you mean "maxConcurrent"?',
  ],
  [
    "a map without a function",
    () => parallelMap([1], undefined as never),
    "parallelMap: fn must be a function (got undefined).",
  ],
  [
    "a map without a source",
    () => parallelMap(undefined as never, () => 1),
    "parallelMap: source must be an array, an iterable or an async iterable (got undefined).",
  ],
  ["mapAll", () => mapAll([1], undefined as never), "mapAll: fn must be a function (got undefined)."],
  [
    "mapAll without items",
    () => mapAll(null as never, () => 1),
    "mapAll: items must be an array, an iterable or an async iterable (got null).",
  ],
  ["throttle", () => throttle(undefined as never, two), "throttle: fn must be a function (got undefined)."],
  [
    "throttle without a limiter",
    () => throttle(() => 1, undefined as never),
    "throttle: options must be an object (got undefined).",
  ],
  ["keyed without a factory", () => keyed(undefined as never), "keyed: factory must be a function (got undefined)."],
  [
    "createQuota",
    () => createQuota({ tokensPerMinit: 5 } as never),
    'createQuota: unknown option "tokensPerMinit". Did you mean "tokensPerMinute"?',
  ],
  [
    "its rate",
    () => createQuota({ requestsPerMinute: { limit: 5, brst: 3 } } as never),
    'createQuota: unknown option "requestsPerMinute.brst". Did you mean "burst"?',
  ],
  [
    "its retune",
    () => createQuota({}).retune({ maxQueue: 5 } as never),
    'quota.retune: unknown option "maxQueue". Known: requestsPerSecond',
  ],
  [
    "quotaOn",
    () => quotaOn(new LocalLedger(), { weight: {} } as never),
    'quotaOn: unknown option "weight". Did you mean "weights"?',
  ],
  [
    "LocalLedger",
    () => new LocalLedger({ budgetUSD: 5 } as never),
    'LocalLedger: unknown option "budgetUSD". Did you mean "budgetUsd"?',
  ],
  ["its rate of 0", () => new LocalLedger({ requestsPerMinute: 0 }), "LocalLedger: requestsPerMinute must be"],
  [
    "a map of an executor",
    () => executor.map([1], { attempt: (n) => n }, { concurency: 2 } as never),
    'executor.map: unknown option "concurency". Did you mean "concurrency"?',
  ],
  [
    "its concurrency of 0",
    () => executor.map([1], { attempt: (n) => n }, { concurrency: 0 }),
    "executor.map: concurrency must be",
  ],
  [
    "the work of one",
    () => executor.map([1], { attempt: (n: number) => n, polcy: {} } as never, {}),
    'executor.map: unknown option "polcy". Did you mean "policy"?',
  ],
])("%s", (_name, make, message) => {
  expect(make).toThrow(message)
})

const perTenant = keyed(() => two)
const bottleneck = bottleneckLimiter({ on: () => {}, schedule: () => new Promise(() => {}) })
const limiters = {
  createQuota: createQuota({}),
  semaphore: two,
  "keyed.of": perTenant.of("a"),
  keyed: perTenant,
  bottleneck,
}

test.each(Object.entries(limiters))("admit and tryAdmit of %s", async (_name, limiter) => {
  const option = 'admit: unknown option "maxWait". Did you mean "maxWaitMs"?'
  const asked: object = { maxWait: 5 }
  await expect(limiter.admit({}, asked)).rejects.toThrow(option)
  expect(() => limiter.tryAdmit({}, asked)).toThrow(option)
  const amount = ': unknown option "cost.inputToken". Did you mean "inputTokens"?'
  for (const cost of [{ inputToken: 5 }, { requests: 1, outputTokens: 5, inputToken: 5 }] as object[]) {
    await expect(limiter.admit(cost)).rejects.toThrow(amount)
    expect(() => limiter.tryAdmit(cost)).toThrow(amount)
  }
  const certain: object = { certain: { outputToken: 5 } }
  await expect(limiter.admit({}, certain)).rejects.toThrow('unknown option "certain.outputToken"')
})

test("quota.close", async () => {
  await expect(createQuota().close({ rejects: true } as never)).rejects.toThrow(
    'quota.close: unknown option "rejects". Did you mean "reject"?',
  )
})

test("semaphore.use", async () => {
  await expect(two.use(() => 1, { priorty: 5 } as never)).rejects.toThrow(
    'admit: unknown option "priorty". Did you mean "priority"?',
  )
})

test("attemptLoop", async () => {
  const options = {
    maxAttempts: 1,
    decide: () => ({ retry: false, reason: "x" }),
    clock: systemClock,
    random: systemRandom,
  }
  await expect(attemptLoop(() => 1, { ...options, maxWait: 5 } as never)).rejects.toThrow(
    'attemptLoop: unknown option "maxWait". Did you mean "maxWaitMs"?',
  )
})
