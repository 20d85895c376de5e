import { type Cost, createDefine, runPlace, sequentialExecutor, sequentialRuntime } from "../packages/core/src/index.ts"
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
  type Quota,
  quotaOn,
  retryBudget,
  semaphore,
  systemClock,
  systemRandom,
  throttle,
} from "../packages/scheduler/src/index.ts"

const making = "an implementation, which may have more than is asked of it"
const data = "made by other code, not written by hand"

/** Types of parameters that are no options. */
export const ports: Readonly<Record<string, string>> = {
  AnthropicBatchClient: making,
  AskModel: making,
  BatchLedger: making,
  BatchVendor: making,
  BottleneckLike: making,
  Clock: making,
  EventSink: making,
  Executor: making,
  GeminiBatchClient: making,
  IoredisLike: making,
  Journal: making,
  Ledger: making,
  Limiter: making,
  NodeRedisLike: making,
  OpenAIBatchClient: making,
  Random: making,
  RetryBudget: making,
  RunJournal: making,
  StandardSchema: making,
  TestFramework: making,
  Vendor: making,
  BaseNode: "a node",
  Node: "a node",
  AttemptContext: data,
  BegunWork: data,
  FrameState: data,
  LendablePermit: data,
  Outcome: data,
  QuotaSnapshot: data,
  RecordIdentity: data,
  ResponseCache: data,
  Scope: data,
  SluiceEvent: data,
  SqliteJournal: data,
  TaskScope: data,
  Work: data,
}

const facts = "facts of an error that is about to be thrown"
const asked = "asked by limitedFetch and runBatches, with what they made"

/** Beginnings of parameters that are no options either. */
export const exempt: Readonly<Record<string, string>> = {
  "new SluiceError(": facts,
  "new ItemError(": facts,
  "new AnswerError(": facts,
  "new VendorError(": facts,
  ".settle(end)": "tells how a call ended; its `actual` is checked as a cost is",
  "define(": "createDefine's, bound to a runtime",
  "createDefine()().pipeline(stages)": "a list of nodes",
  "new LaneScope(": "made by batches",
  "new Scope(": "made by executors",
  "currentScope()": "made by executors",
  "new IndexedHeap(": "its items are the caller's",
  "new LocalLedger().": "asked by the quota before it",
  "coalesce()(context)": "the context of an item, or whatever has a signal",
  "coalesceEmbeddings()(context)": "the context of an item, or whatever has a signal",
  "openJournal().openRun().": "asked by core",
  "openAIShaped().": asked,
  "anthropicBatches().": asked,
  "geminiBatches().": asked,
  "openaiBatches().": asked,
  "aiGateway.": asked,
  "anthropic.": asked,
  "bedrock.": asked,
  "cohere.": asked,
  "gemini.": asked,
  "ollama.": asked,
  "openai.": asked,
  "azure.": asked,
  "groq.": asked,
  "mistral.": asked,
  "openaiCompatible.": asked,
  "openrouter.": asked,
  "together.": asked,
  "aiSdkMiddleware().": "called by the AI SDK",
  "retryDecision(failure)": "made of an answer or an error",
}

/** Not tried here yet. */
export const loose: ReadonlySet<string> = new Set([
  "bullExecutor(options)",
  "bullExecutor().open(place)",
  "bullExecutor().open(options)",
  "bullExecutor().map(work)",
  "bullExecutor().map(options)",
  "bullWorker(options)",
  "createDisplay(options)",
  "new ProgressTally().state(frame)",
  "openJournal(options)",
  "openJournal().openRun(request)",
  "openJournal().items(query)",
  "createLimitModel(options)",
  "oracle(options)",
  "createVendorCore(options)",
  "createVendorCore().arrive(call)",
  "createVendorCore().msUntilAdmitted(call)",
  "new VirtualClock(options)",
  "createVirtualVendor(options)",
  "createVirtualVendor().call(call)",
  "composeAnswer(request)",
  "composeAnswer(source)",
  "extractiveSummary(options)",
  "startVendor(options)",
  "startVendor().configure(changes)",
  "runScenario(scenario)",
  "runScenario(options)",
  "callsOf(scenario)",
  "toldAt(told)",
  "testLimiter(__2)",
  "awakeQuota(options)",
  "awakeQuota().admit(cost)",
  "awakeQuota().admit(options)",
  "awakeQuota().tryAdmit(cost)",
  "awakeQuota().tryAdmit(options)",
  "awakeQuota().retune(limits)",
  "awakeQuota().close(options)",
  "limiterContestant(options)",
  "limiterContestant()(env)",
  "testExecutor(__2)",
  "plan(options)",
  "simulate(shape)",
  "simulate(vendorOptions)",
  "simulate(options)",
  "telemetry(options)",
  "openPage(options)",
  "new BatchFlow(limits)",
  "new BatchNode(limits)",
  "new Node(limits)",
  "new ParallelBatchFlow(limits)",
  "new ParallelBatchNode(limits)",
  "aiSdkMiddleware(limits)",
  "ask(options)",
  "coalesce(options)",
  "coalesceEmbeddings(options)",
  "limitedFetch(options)",
  "limitedFetch().update(limits)",
  "openAIShaped(shape)",
  "usdOf(price)",
  "usdOf(usage)",
  "aiSdkOptions(limits)",
  "aiSdkOptions().provider.fetch.update(limits)",
  "anthropicOptions(limits)",
  "anthropicOptions().fetch.update(limits)",
  "googleOptions(limits)",
  "googleOptions().fetch.update(limits)",
  "openaiOptions(limits)",
  "openaiOptions().fetch.update(limits)",
  "usageTally(options)",
  "withCall(options)",
  "openaiBatches(options)",
  "runBatches(options)",
  "sharedQuotas(options)",
  "sharedQuotas()(options)",
  "sharedQuotas()(identity)",
  "sharedQuotas()().admit(cost)",
  "sharedQuotas()().admit(options)",
  "sharedQuotas()().tryAdmit(cost)",
  "sharedQuotas()().tryAdmit(options)",
  "sharedQuotas()().retune(limits)",
  "sharedQuotas()().close(options)",
  "sharedQuotas().quota(options)",
  "backoffDelayMs(backoff)",
  "retryDecision(backoff)",
])

type Caller = (given: never) => unknown

const runtime = { ...sequentialRuntime, clock: systemClock, random: systemRandom }
const { step, batch, batchFlow, flow, pipeline } = createDefine(runtime)<object>()
const one = batch({ name: "one", prep: () => [1], exec: (n: number) => n })
const other = batch({ name: "other", exec: (n: number) => n })
const app = flow({ name: "app", nodes: { one }, start: "one" })
const place = { path: "app/one", visit: 0, runId: "run", params: {} }
const work = { attempt: (n: number) => n }
const two = (): ReturnType<typeof semaphore> => semaphore({ limit: 2 })
const bottleneck = bottleneckLimiter({ on: () => {}, schedule: () => new Promise(() => {}) })

interface Admitting {
  admit(cost?: Cost, options?: object): unknown
  tryAdmit(cost?: Cost, options?: object): unknown
}

/** Those of a limiter. */
function limiter(name: string, make: () => Admitting): Record<string, Caller> {
  return {
    [`${name}.admit(cost)`]: (cost) => make().admit(cost),
    [`${name}.admit(options)`]: (options) => make().admit({}, options),
    [`${name}.tryAdmit(cost)`]: (cost) => make().tryAdmit(cost),
    [`${name}.tryAdmit(options)`]: (options) => make().tryAdmit({}, options),
  }
}

/** Those of a quota. */
function quota(name: string, make: () => Quota): Record<string, Caller> {
  return {
    ...limiter(name, make),
    [`${name}.retune(limits)`]: (limits) => make().retune(limits),
    [`${name}.close(options)`]: (options) => make().close(options),
  }
}

/** What stands beside other options of these names. */
export const needed: Readonly<Record<string, object>> = {
  retry: { maxAttempts: 2 },
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
  "parallelExecutor().map(work)": (given: object) =>
    parallelExecutor(systemClock, systemRandom).map([1], { ...work, ...given }, {}),
  "parallelExecutor().map(options)": (given) => parallelExecutor(systemClock, systemRandom).map([1], work, given),
  "keyed(options)": (given) => keyed(two, given),
  ...limiter("keyed()", () => keyed(two)),
  ...limiter("keyed().of()", () => keyed(two).of("a")),
  "mapAll(options)": (given) => mapAll([1], (n: number) => n, given),
  "parallelMap(options)": (given) => parallelMap([1], (n: number) => n, given),
  "retryBudget(options)": (given) => retryBudget(given),
  "semaphore(options)": (given: object) => semaphore({ limit: 1, ...given }),
  "semaphore().use(options)": (given) => two().use(() => 1, given),
  ...limiter("semaphore()", two),
  "throttle(options)": (given: object) => throttle(() => 1, { limiter: two(), ...given }),
  "createQuota(options)": (given) => createQuota(given),
  ...quota("createQuota()", () => createQuota()),
  "quotaOn(options)": (given) => quotaOn(new LocalLedger(), given),
  ...quota("quotaOn()", () => quotaOn(new LocalLedger())),
  "new LocalLedger(options)": (given) => new LocalLedger(given),
}
