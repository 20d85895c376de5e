import {
  adaptive,
  bottleneckLimiter,
  createQuota,
  keyed,
  mapAll,
  parallelMap,
  retryBudget,
  semaphore,
  throttle,
} from "@sluice/scheduler"
import { expect, test } from "vitest"

const map = (options: object): unknown => parallelMap([1], (n) => n, options)
const two = semaphore({ limit: 2 })

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
])("%s", (_name, make, message) => {
  expect(make).toThrow(message)
})
