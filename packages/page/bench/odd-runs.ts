import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { createDefine, type QuotaState, type SluiceEvent } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { systemClock, systemRuntime } from "@sluice/scheduler"
import { openPage, type PageOptions } from "../src/index.ts"
import { manyMembers, sharedQuota } from "../test/shared-quota.ts"
import { tellRun } from "../test/told-run.ts"

/** A run that is told and not made, in a state that a picture of a run that goes well does not have. */
export interface OddRun {
  readonly name: string
  readonly url: string
  readonly hashes: readonly string[]
  /** A button whose dialog is shown. */
  readonly button?: string
  /** Nothing is told any more once the page is there. */
  readonly isLost?: boolean
}

const runId = "told"
const quotaName = "openai/04b88075897d/gpt-5-mini"
const controls = { pause() {}, resume() {}, drain() {}, stop() {}, update() {}, retryFailed() {} }

/** All of them; `end` closes their pages. */
export async function oddRuns(): Promise<{ readonly runs: readonly OddRun[]; end(): Promise<void> }> {
  const closers: (() => unknown)[] = []
  const runs: OddRun[] = []
  const open = async (
    name: string,
    hashes: readonly string[],
    options: PageOptions = {},
  ): Promise<{ say: (event: object) => void; page: Awaited<ReturnType<typeof openPage>> }> => {
    const page = await openPage({ title: name, ...options })
    closers.push(() => page.close())
    runs.push({ name, url: page.url, hashes })
    return { page, say: (event) => page.onEvent({ atMs: systemClock.now(), runId, ...event } as SluiceEvent) }
  }

  const empty = await open("no-items", ["#/", "#/items/all", "#/timeline"], { total: () => 0 })
  empty.page.end("ok")
  await open("not-begun", ["#/", "#/items/all", "#/timeline"], { controls })

  const one = await open("one-item", ["#/", "#/items/all", "#/row/0", "#/timeline"], { total: () => 1, controls })
  tellRun(one.page.onEvent, 1)

  const failed = await open("all-failed", ["#/", "#/items/failed", "#/row/3"], { total: () => 60, controls })
  for (let index = 0; index < 60; index++) {
    const error = new Error(`Item ${index}: the vendor answered 400: the model does not know what "field_${index}" is.`)
    failed.say({ type: "item-start", node: "run", index, spanId: index + 1 })
    failed.say({ type: "item-end", node: "run", index, spanId: index + 1, status: "failed", attempts: 3, error })
  }
  failed.page.end("failed")

  const closed = await open("gate-closed", ["#/", "#/items/flight"], { total: () => 400, controls })
  const state = (): QuotaState => ({
    atMs: systemClock.now(),
    wallMs: systemClock.wallNow(),
    quota: quotaName,
    inFlight: 0,
    waiting: 38,
    gate: { state: "closed", reopensInMs: 41_000 } as unknown as QuotaState["gate"],
    limits: [
      { name: "requestsPerMinute", dimension: "requests", limit: 500, level: 0, windowMs: 60_000 },
      { name: "inputTokensPerMinute", dimension: "inputTokens", limit: 2_000_000, level: 1_234_567, windowMs: 60_000 },
      { name: "budgetUsd", dimension: "usd", limit: 1_250, level: 3.5 },
    ],
  })
  // Held here: a page holds a quota as long as it is used.
  closers.push(() => void state())
  closed.page.onEvent.watch?.(state)
  tellRun(closed.page.onEvent, 30)
  for (let n = 0; n < 38; n++) {
    const reasons = [
      "gate",
      "requestsPerMinute",
      "inputTokensPerMinute",
      "the calls ahead of it",
      "concurrency",
      "budgetUsd",
    ]
    const blockedBy = reasons[n % reasons.length]
    closed.say({ type: "permit-wait", quota: quotaName, blockedBy, waiting: n, spanId: 1_000 + n })
  }
  const untilMs = systemClock.now() + 60_000
  const observed =
    "3 calls of the last 20 were refused, and the answers say that no request is left until the minute is over"
  closed.say({
    type: "throttle",
    quota: quotaName,
    reason: "rate",
    dimension: "requests",
    retryAfterMs: 60_000,
    cause: "level",
    observed,
  })
  closed.say({
    type: "limit-change",
    quota: quotaName,
    dimension: "requestsPerMinute",
    from: 500,
    to: 430,
    reason: "cut",
  })
  closed.say({ type: "gate-close", quota: quotaName, reason: "throttle", untilMs })
  closed.say({ type: "warning", code: "x", message: "The file of results is on a disk that has 3 % left." })

  const paused = await open("paused", ["#/"], { total: () => 400, controls })
  tellRun(paused.page.onEvent, 60)
  paused.say({
    type: "control",
    action: "update",
    by: "ada, page",
    changes: { requestsPerMinute: 300, concurrency: 12 },
  })
  paused.say({ type: "control", action: "pause", by: "ada, page" })
  for (const button of ["Limits…", "Stop…"])
    runs.push({ name: `paused-${button.slice(0, -1).toLowerCase()}`, url: paused.page.url, hashes: ["#/"], button })

  const million = await open("a-million", ["#/", "#/items/all", "#/items/slowest"], { total: () => 1_000_000 })
  for (let index = 0; index < 1_000_000; index++) {
    million.say({ type: "item-start", node: "run", index, spanId: index })
    million.say({ type: "item-end", node: "run", index, spanId: index, status: "ok", attempts: 1 })
  }

  const shared = async (): ReturnType<NonNullable<PageOptions["shared"]>> => [
    sharedQuota({ members: manyMembers(16), places: 200, running: 168, lost: 2, differs: "tokensPerMinute" }),
    sharedQuota({
      tag: "closed",
      name: "anthropic/claude-opus-4-1",
      gateMs: 41_000,
      members: [],
      waiting: [],
      limits: [],
    }),
  ]
  await open("shared", ["#/shared"], { shared })

  const over = await open("ended", ["#/", "#/timeline"], { total: () => 60 })
  tellRun(over.page.onEvent, 60)
  for (let index = 3; index < 60; index += 4) {
    const leaves = { type: "permit-leave", quota: "openai gpt-5-mini", blockedBy: "requestsPerMinute", waitedMs: 900 }
    if (index % 5 === 0) over.say({ ...leaves, spanId: index + 1 })
    over.say({ type: "item-end", node: "digest", index, spanId: index + 1, status: "cancelled", attempts: 1 })
  }
  systemClock.setTimer(4_000, () => over.page.end("failed"))

  const lost = await open("server-gone", ["#/"], { total: () => 400, controls })
  tellRun(lost.page.onEvent, 60)
  runs.push({ ...runs.pop()!, isLost: true })

  const folder = mkdtempSync(path.join(tmpdir(), "sluice-odd-"))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  await writeTexts(path.join(folder, "a.journal"))
  const items = [0, 1, 2, 3, 4, 5].map((row) => `#/row/${row}`)
  const longTitle = "results-of-the-quarter-".repeat(6)
  const journal = path.join(folder, "a.journal")
  await open("texts", ["#/", "#/items/all", "#/items/failed", ...items], { journal, title: longTitle, hasSchema: true })

  const flow = bigFlow()
  const big = await open("thirty-nodes", ["#/flow", "#/timeline"], { flow })
  await flow.run({}, { onEvent: big.page.onEvent })
  return {
    runs,
    async end() {
      for (const close of closers) await close()
    },
  }
}

/** Long keys, writing from right to left, Chinese, Japanese, Korean, markup, JSON, and five megabytes. */
async function writeTexts(file: string): Promise<void> {
  const journal = openJournal({ path: file, synchronous: "normal" })
  const run = await journal.openRun({ runId: "texts", flow: "sluice run" })
  const rows: readonly (readonly [key: string, input: string, output: string])[] = [
    [
      `https://example.com/${"a-very-long-path/".repeat(20)}`,
      "word".repeat(400),
      `# A heading\n\n${"unbroken".repeat(60)}\n\n| a | b |\n|---|---|\n| ${"wide ".repeat(40)} | ${"cell".repeat(60)} |\n\n\`\`\`\n${"code ".repeat(80)}\n\`\`\``,
    ],
    [
      "مفتاح-١",
      "ما رأيك في هذا المنتج؟ وصل متأخراً لكنه يعمل جيداً.",
      "**إيجابي**: المنتج جيد.\n\n- التوصيل: متأخر\n- الجودة: ممتازة",
    ],
    [
      "鍵-二",
      "この製品についてどう思いますか？到着は遅れましたが、よく動きます。".repeat(6),
      "**肯定的**：這個產品很好。배송은 늦었지만 품질은 좋습니다.".repeat(5),
    ],
    [
      "<script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      '{"verdict":"positive","why":["<b>bold</b>","\\u202Eright to left"],"nested":{"a":{"b":{"c":[1,2,3]}}}}',
    ],
    [
      "👩‍👩‍👧‍👦🏳️‍🌈",
      "z̴̛͔a̷l̵g̶o̷ ".repeat(30),
      "## 🎉\n\n> quoted\n\n1. one\n2. two\n\n---\n\n[a link](https://example.com) ![no picture](https://example.com/x.png)",
    ],
    ["five megabytes", "long", "All work and no play makes a dull answer. ".repeat(125_000)],
  ]
  for (const [index, [key, input, output]] of rows.entries()) {
    const value = {
      input: { text: input },
      output,
      finishReason: "stop",
      latencyMs: 1_234 * (index + 1),
      requestId: `req_${"0".repeat(60)}`,
      model: "a-model-with-a-long-name-2026-01-01",
    }
    await run.settle(
      identity(index, key),
      { status: "ok", index, value, attempts: 1 },
      { requests: 1, inputTokens: 123_456, outputTokens: 20, usd: 12.5 },
    )
  }
  for (let index = rows.length; index < 40; index++)
    await run.settle(identity(index, `key ${index}`), {
      status: "failed",
      index,
      error: new Error(`no such thing ${"as this ".repeat(index)}`),
      attempts: 3,
    })
  await run.end("failed")
  await journal.close()
}

function identity(
  index: number,
  key: string,
): {
  node: string
  visit: number
  params: Readonly<Record<string, unknown>>
  index: number
  key: string
  input: unknown
} {
  return { node: "run", visit: 0, params: {}, index, key, input: index }
}

/** Thirty nodes, in flows inside flows. */
function bigFlow() {
  const { step, flow } = createDefine(systemRuntime)<object>()
  const chain = (name: string, more: object = {}) => {
    const steps = ["read", "clean", "classify", "a step with a long name", "write"].map((each) =>
      step({ name: each, exec: () => each }),
    )
    const nodes = { ...Object.fromEntries(steps.map((each) => [each.name, each])), ...more }
    const names = Object.keys(nodes)
    const edges = Object.fromEntries(names.slice(1).map((each, at) => [names[at]!, { default: each }]))
    return flow({ name, nodes, start: names[0]!, edges })
  }
  const [first, second] = ["first", "second"].map((name) => chain(name, { nested: chain(`${name} inside`) }))
  const done = step({ name: "done", exec: () => "done" })
  return flow({
    name: "thirty",
    nodes: { first, second, third: chain("third"), done },
    start: "first",
    edges: { first: { default: "second" }, second: { default: "third" }, third: { default: "done" } },
  } as never)
}
