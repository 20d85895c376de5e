import { createDefine, runPlace, sequentialExecutor, sequentialRuntime } from "../../packages/core/src/index.ts"
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
} from "../../packages/scheduler/src/index.ts"
import { type BullExecutor, bullExecutor, bullWorker } from "../../packages/bullmq/src/index.ts"
import { createDisplay } from "../../packages/cli/src/index.ts"
import { openJournal } from "../../packages/journal/src/index.ts"
import {
  awakeQuota,
  composeAnswer,
  createLimitModel,
  createVendorCore,
  createVirtualVendor,
  extractiveSummary,
  limiterContestant,
  oracle,
  plan,
  runScenario,
  scenarioNamed,
  simulate,
  startVendor,
  testExecutor,
  testLimiter,
  VirtualClock,
} from "../../packages/lab/src/index.ts"
import { telemetry } from "../../packages/otel/src/index.ts"
import { openPage } from "../../packages/page/src/index.ts"
import * as pocket from "../../packages/pocketflow/src/index.ts"
import {
  aiSdkMiddleware,
  aiSdkOptions,
  anthropicOptions,
  ask,
  type AskModel,
  coalesce,
  coalesceEmbeddings,
  googleOptions,
  limitedFetch,
  memoryLedger,
  openaiBatches,
  openAIShaped,
  openaiOptions,
  runBatches,
  usageTally,
  withCall,
} from "../../packages/providers/src/index.ts"
import { type SharedQuotas, sharedQuotas } from "../../packages/redis/src/index.ts"
import { type Caller, limiter, permits, quota } from "./limiter-callers.ts"

const runtime = { ...sequentialRuntime, clock: systemClock, random: systemRandom }
const { step, batch, batchFlow, flow, pipeline } = createDefine(runtime)<object>()
const one = batch({ name: "one", prep: () => [1], exec: (n: number) => n })
const other = batch({ name: "other", exec: (n: number) => n })
const app = flow({ name: "app", nodes: { one }, start: "one" })
const place = { path: "app/one", visit: 0, runId: "run", params: {} }
const work = { attempt: (n: number) => n }
const two = (): ReturnType<typeof semaphore> => semaphore({ limit: 2 })
const bottleneck = bottleneckLimiter({ on: () => {}, schedule: (_job, fn) => Promise.resolve(fn()) })

const answers: AskModel = { doGenerate: async () => Promise.reject(new Error("not asked")) }
const schema = {
  "~standard": {
    version: 1,
    vendor: "x",
    validate: () => ({ value: 1 }),
    jsonSchema: { input: () => ({}), output: () => ({}) },
  },
} as const
const framework = { describe: () => {}, it: () => {} }

/** Nobody listens there. */
const nowhere = { host: "127.0.0.1", port: 1, lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => null }

async function inBull(ask: (executor: BullExecutor) => Promise<unknown>): Promise<unknown> {
  const executor = bullExecutor(app, { connection: nowhere })
  try {
    return await ask(executor)
  } finally {
    executor.close().catch(() => {})
  }
}

/** A client that never answers. */
const never = async (): Promise<never> => new Promise(() => {})
const lost = {
  status: "wait",
  isCluster: false,
  duplicate: () => lost,
  disconnect: () => {},
  on: () => lost,
  once: () => lost,
  call: never,
  connect: never,
  subscribe: never,
  unsubscribe: never,
  eval: never,
  evalsha: never,
}
const shared = (): SharedQuotas => sharedQuotas({ redis: lost })

/** What stands beside other options of these names. */
export const needed: Readonly<Record<string, object>> = {
  retry: { maxAttempts: 2 },
  "schedule.[]": { atMs: 0 },
  "vendor.schedule.[]": { atMs: 0 },
  calls: { count: 1, inputTokens: 1, outputTokens: 1 },
  arrivals: { kind: "workers", workers: 1 },
  "streams.[]": { calls: 1, arrivals: { kind: "workers", workers: 1 }, inputTokens: 1, outputTokens: 1 },
}

/** Each with options that are right but for what the test adds. */
export const callers: Readonly<Record<string, Caller>> = {
  "createDefine(runtime)": (given: object) => createDefine({ ...runtime, ...given }),
  "createDefine()(options)": (given: never) => createDefine(runtime)(undefined as never, given),
  "createDefine()().step(options)": (given: object) => step({ name: "step", ...given }),
  "createDefine()().step().run(options)": (given) => step({ name: "step" }).run({}, given),
  "createDefine()().batch(options)": (given: object) => batch({ name: "batch", exec: (n: number) => n, ...given }),
  "createDefine()().batch().run(options)": (given) => one.run({}, given),
  "createDefine()().batch().redrive(options)": (given) => one.redrive({}, [], given),
  "createDefine()().flow(options)": (given: object) => flow({ name: "flow", nodes: { one }, start: "one", ...given }),
  "createDefine()().flow().run(options)": (given) => app.run({}, given),
  "createDefine()().batchFlow(options)": (given: object) =>
    batchFlow({ name: "flows", prep: () => [{}], flow: app, ...given }),
  "createDefine()().batchFlow().run(options)": (given) =>
    batchFlow({ name: "flows", prep: () => [{}], flow: app }).run({}, given),
  "createDefine()().batchFlow().redrive(options)": (given) =>
    batchFlow({ name: "flows", prep: () => [{}], flow: app }).redrive({}, [], given),
  "createDefine()().pipeline(options)": (given) => pipeline([one, other], given),
  "createDefine()().pipeline().run(options)": (given) => pipeline([one, other]).run({}, given),
  "runPlace(place)": (given: object) => runPlace(app, { ...place, ...given }, 1, 0, { runtime }),
  "runPlace(options)": (given: object) => runPlace(app, place, 1, 0, { runtime, ...given }),
  "sequentialExecutor.map(work)": (given: object) => sequentialExecutor.map([1], { ...work, ...given }, {}),
  "sequentialExecutor.map(options)": (given) => sequentialExecutor.map([1], work, given),

  "adaptive(options)": (given) => adaptive(given),
  "attemptLoop(options)": (given: object) => {
    const decide = (): { retry: boolean; reason: string } => ({ retry: false, reason: "no" })
    return attemptLoop(() => 1, { maxAttempts: 1, decide, clock: systemClock, random: systemRandom, ...given })
  },
  "bottleneckLimiter(options)": (given) =>
    bottleneckLimiter({ on: () => {}, schedule: () => new Promise(() => {}) }, given),
  ...limiter("bottleneckLimiter()", () => bottleneck),
  ...permits("bottleneckLimiter()", () => bottleneck),
  "parallelExecutor().map(work)": (given: object) =>
    parallelExecutor(systemClock, systemRandom).map([1], { ...work, ...given }, {}),
  "parallelExecutor().map(options)": (given) => parallelExecutor(systemClock, systemRandom).map([1], work, given),
  "keyed(options)": (given) => keyed(two, given),
  ...limiter("keyed()", () => keyed(two)),
  ...limiter("keyed().of()", () => keyed(two).of("a")),
  ...permits("keyed().of()", () => keyed(two).of("a")),
  "mapAll(options)": (given) => mapAll([1], (n: number) => n, given),
  "parallelMap(options)": (given) => parallelMap([1], (n: number) => n, given),
  "retryBudget(options)": (given) => retryBudget(given),
  "semaphore(options)": (given: object) => semaphore({ limit: 1, ...given }),
  "semaphore().use(options)": (given) => two().use(() => 1, given),
  ...limiter("semaphore()", two),
  ...permits("semaphore()", two),
  "throttle(options)": (given: object) => throttle(() => 1, { limiter: two(), ...given }),
  "createQuota(options)": (given) => createQuota(given),
  ...permits("createQuota()", () => createQuota()),
  ...quota("createQuota()", () => createQuota()),
  "quotaOn(options)": (given) => quotaOn(new LocalLedger(), given),
  ...permits("quotaOn()", () => quotaOn(new LocalLedger())),
  ...quota("quotaOn()", () => quotaOn(new LocalLedger())),
  "new LocalLedger(options)": (given) => new LocalLedger(given),

  "aiSdkMiddleware(limits)": (given) => aiSdkMiddleware(given),
  "ask(options)": (given: object) => ask(answers, { prompt: "x", schema, ...given }),
  "coalesce(options)": (given: object) =>
    coalesce({ maxItems: 2, pack: async () => [1], unpack: (all: number[]) => all, ...given }),
  "coalesceEmbeddings(options)": (given: object) => coalesceEmbeddings(async () => ({}), given),
  "limitedFetch(options)": (given) => limitedFetch(given),
  "limitedFetch().update(limits)": (given) => limitedFetch().update(given),
  "openAIShaped(shape)": (given: object) =>
    openAIShaped({ name: "x", hosts: () => false, tokenCharge: "sum", ...given }),
  "aiSdkOptions(limits)": (given) => aiSdkOptions(given),
  "aiSdkOptions().provider.fetch.update(limits)": (given) => aiSdkOptions({}).provider.fetch.update(given),
  "anthropicOptions(limits)": (given) => anthropicOptions(given),
  "anthropicOptions().fetch.update(limits)": (given) => anthropicOptions({}).fetch.update(given),
  "googleOptions(limits)": (given) => googleOptions(given),
  "googleOptions().fetch.update(limits)": (given) => googleOptions({}).fetch.update(given),
  "openaiOptions(limits)": (given) => openaiOptions(given),
  "openaiOptions().fetch.update(limits)": (given) => openaiOptions({}).fetch.update(given),
  "usageTally(options)": (given) => usageTally(given),
  "withCall(options)": (given) => withCall(given, () => 1),
  "openaiBatches(options)": (given) => openaiBatches({} as never, given),
  "runBatches(options)": (given: object) =>
    runBatches([], { vendor: openaiBatches({} as never), ledger: memoryLedger(), ...given }),

  "openJournal(options)": (given: object) => openJournal({ path: ":memory:", ...given }),
  "openJournal().openRun(request)": (given: object) =>
    openJournal({ path: ":memory:" }).openRun({ runId: "run", flow: "app", ...given }),
  "openJournal().items(query)": (given) => [...openJournal({ path: ":memory:" }).items("run", given)],

  "telemetry(options)": (given) => telemetry(given),
  "openPage(options)": (given) => openPage(given),
  "createDisplay(options)": (given: object) =>
    createDisplay({ stream: process.stderr, clock: systemClock, title: "x", unit: "item", ...given }),

  "bullExecutor(options)": (given: object) => bullExecutor(app, { connection: nowhere, ...given }),
  "bullExecutor().open(place)": (given: object) => inBull((executor) => executor.open({ ...place, ...given })),
  "bullExecutor().open(options)": (given) => inBull((executor) => executor.open(place, given)),
  "bullExecutor().map(work)": (given: object) =>
    inBull((executor) => Array.fromAsync(executor.map([1], { ...work, ...given }, {}))),
  "bullExecutor().map(options)": (given) => inBull((executor) => Array.fromAsync(executor.map([1], work, given))),
  "bullWorker(options)": (given: object) => bullWorker(app, { connection: nowhere, ...given }),

  "sharedQuotas(options)": (given: object) => sharedQuotas({ redis: lost, ...given }),
  "sharedQuotas()(options)": (given: object) => shared()({ name: "x", ...given }),
  "sharedQuotas()(identity)": (given: object) =>
    shared()({ name: "x" }, { vendor: "v", account: "a", model: "m", ...given }),
  "sharedQuotas().quota(options)": (given) => shared().quota("y", given),
  ...quota("sharedQuotas()()", () => shared()({ name: "x" })),

  "new BatchFlow(limits)": (given) => new pocket.BatchFlow(new pocket.Node(), given).run({}),
  "new BatchNode(limits)": (given) => new pocket.BatchNode(1, 0, given).run({}),
  "new Node(limits)": (given) => new pocket.Node(1, 0, given).run({}),
  "new ParallelBatchFlow(limits)": (given) => new pocket.ParallelBatchFlow(new pocket.Node(), given).run({}),
  "new ParallelBatchNode(limits)": (given) => new pocket.ParallelBatchNode(1, 0, given).run({}),

  "createLimitModel(options)": (given: object) => createLimitModel({ limit: 1, ...given }),
  "oracle(options)": (given) => oracle([], given),
  "createVendorCore(options)": (given: object) => createVendorCore({ clock: systemClock, ...given }),
  "new VirtualClock(options)": (given) => new VirtualClock(given),
  "createVirtualVendor(options)": (given: object) => createVirtualVendor({ clock: systemClock, ...given }),
  "composeAnswer(source)": (given) =>
    composeAnswer({ model: "x", messages: [], inputTokens: 1, tools: [], body: {} }, given),
  "extractiveSummary(options)": (given) => extractiveSummary("A text.", given),
  "startVendor(options)": (given) => startVendor(given),
  "startVendor().configure(changes)": async (given: object) => {
    const vendor = await startVendor()
    try {
      vendor.configure(given)
    } finally {
      await vendor.stop()
    }
  },
  "runScenario(scenario)": (given: object) =>
    runScenario({ ...scenarioNamed("requests-bind"), ...given }, async () => {}),
  "runScenario(options)": (given) => runScenario(scenarioNamed("requests-bind"), async () => {}, given),
  "testLimiter(promises)": (given) => testLimiter(two, framework, given),
  "testExecutor(promises)": (given) => testExecutor(() => sequentialExecutor, framework, given),
  "awakeQuota(options)": (given) => awakeQuota(given),
  ...permits("awakeQuota()", awakeQuota),
  ...quota("awakeQuota()", awakeQuota),
  "limiterContestant(options)": (given) => limiterContestant(two, given),
  "plan(options)": (given: object) => plan({ calls: [{ inputTokens: 1, outputTokens: 1 }], limits: {}, ...given }),
  "simulate(shape)": (given: object) => simulate({ name: "x", streams: [], ...given }, {}),
  "simulate(vendorOptions)": (given) => simulate({ name: "x", streams: [] }, given),
  "simulate(options)": (given) => simulate({ name: "x", streams: [] }, {}, given),
}
