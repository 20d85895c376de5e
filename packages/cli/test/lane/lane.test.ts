import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openJournal } from "@sluice/journal"
import { startVendor, type VendorServer } from "@sluice/lab"
import { systemClock } from "@sluice/scheduler"
import { expect, onTestFinished, test, vi } from "vitest"
import { forgetDeadline, leftOf } from "../../src/lane/deadline.ts"
import { fastClock } from "../command/fast-clock.ts"
import { type Ended, linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const count = 12
const env = {
  OPENAI_API_KEY: "key-of-a-test-1",
  ANTHROPIC_API_KEY: "key-of-a-test-2",
  GOOGLE_GENERATIVE_AI_API_KEY: "key-of-a-test-3",
}

async function vendorWith(batch: NonNullable<Parameters<typeof startVendor>[0]>["batch"] = {}): Promise<VendorServer> {
  const vendor = await startVendor({
    latency: { baseMs: 0, perOutputTokenMs: 0 },
    answer: "echo",
    batch: { validatingMs: 5, processingMs: 40, finalizingMs: 5, ...batch },
  })
  onTestFinished(() => vendor.stop())
  return vendor
}

/** A folder with inputs, and the arguments of a run over them. */
function setUp(model: string, url?: string): { folder: string; out: string; args: string[] } {
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  const lines = Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`)
  writeFileSync(join(folder, "in.jsonl"), lines.join(""))
  const at = url === undefined ? [] : ["--base-url", url]
  return { folder, out, args: ["run", join(folder, "in.jsonl"), "-p", "Say {{text}}.", "-m", model, ...at, "-o", out] }
}

/** A hundred times as fast: a second of gathering is ten milliseconds. */
const run = (args: readonly string[], interrupts?: Set<() => void>): Promise<Ended> =>
  sluice(args, { env, clock: fastClock(100), ...(interrupts && { interrupts }) })

const events = (stderr: string): Record<string, unknown>[] =>
  stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test.each([
  ["openai:gpt-5-mini", "/v1"],
  ["anthropic:claude-haiku-4-5", "/v1"],
  ["google:gemini-2.5-flash", "/v1beta"],
  ["openai-compatible:x", "/v1"],
])("%s --lane batch: every input comes back once, by batches of the vendor and no call online", async (model, path) => {
  const vendor = await vendorWith()
  const { args, out } = setUp(model, vendor.url + path)
  expect(await run([...args, "--lane", "batch", "-q", "--max-output-tokens", "50"])).toMatchObject({
    code: 0,
    stderr: "",
  })
  const lines = linesOf(out)
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
  for (const { output, index } of lines) expect(output).toContain(`word ${String(index)}.`)
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: count, repeats: 0 } })
})

test("lab: --lane batch works without a key, and --json tells each state of the batch", async () => {
  const { args, out } = setUp("lab:")
  const { code, stderr } = await run([...args, "--lane", "batch", "--json"])
  expect(code).toBe(0)
  expect(linesOf(out)).toHaveLength(count)
  const states = events(stderr).flatMap(({ type, state }) => (type === "vendor-batch" ? [state] : []))
  expect([states[0], states.at(-1)]).toEqual(["submitted", "ended"])
  expect(events(stderr).at(-1)).toMatchObject({ type: "summary", ok: count, spent: { batchAnswers: count } })
})

test("the price is halved in each line, in the journal and in the total", async () => {
  const vendor = await vendorWith()
  const spentBy = async (lane: string): Promise<{ usd: number; summary: string }> => {
    const { args, out } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
    const { code, stderr } = await run([...args, "--lane", lane, "--fields", "usd,inputTokens"])
    expect(code).toBe(0)
    const usd = linesOf(out).reduce((sum, line) => sum + Number(line["usd"]), 0)
    expect(dollarsIn((await sluice(["inspect", out])).stdout, /\$([\d.]+)/)).toBeCloseTo(usd, 4)
    return { usd, summary: stderr.trimEnd().split("\n").at(-1) ?? "" }
  }
  const online = await spentBy("online")
  const batch = await spentBy("batch")
  expect(batch.usd).toBeCloseTo(online.usd / 2, 9)
  expect(batch.usd).toBeGreaterThan(0)
  // Two digits of a sum this small, so that a half is not told as the whole.
  expect(dollarsIn(online.summary, / \$([\d.]+) spent\. /)).toBeCloseTo(online.usd, 6)
  const both = new RegExp(` \\$([\\d.]+) spent, of it \\$\\1 for ${count} answers from vendor batches\\. `)
  expect(dollarsIn(batch.summary, both)).toBeCloseTo(batch.usd, 6)
})

function dollarsIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? expect.unreachable(text))
}

test("the display says how many requests lie in vendor batches, and their state", async () => {
  const vendor = await vendorWith({ processingMs: 600 })
  const { args } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  const { stderr } = await run([...args, "--lane", "batch"])
  expect(stderr).toMatch(/, \d+ requests in vendor batches, \d+ done \([^)]*in progress/)
  expect(stderr).toMatch(/, vendor batches: \d ended/)
})

test.each(["openai:gpt-5-mini", "anthropic:claude-haiku-4-5", "google:gemini-2.5-flash"])(
  "%s: Ctrl-C leaves the batch at the vendor; the same command collects it and submits nothing twice",
  async (model) => {
    const vendor = await vendorWith({ processingMs: 1_500 })
    const { args } = setUp(model, `${vendor.url}${model.startsWith("google") ? "/v1beta" : "/v1"}`)
    const inLane = [...args, "--lane", "batch", "--max-output-tokens", "50"]
    const interrupts = new Set<() => void>()
    const running = run(inLane, interrupts)
    await vi.waitUntil(() => vendor.stats().batches.jobs > 0, { timeout: 20_000, interval: 5 })
    for (const listener of interrupts) listener()
    const left = await running
    expect(left.code).toBe(130)
    expect(left.stderr).toContain("The same command goes on from here.")

    const online = await run([...args, "--max-output-tokens", "50"])
    expect(online.code).toBe(2)
    expect(online.stderr).toBe(
      "sluice: This run was left with answers in vendor batches. Give the same --lane to collect them, or --accept-changes to ask online for what is missing.\n",
    )
    const { code, stderr } = await run([...inLane, "--json"])
    expect(code).toBe(0)
    expect(events(stderr).find(({ type }) => type === "vendor-batch")).toMatchObject({ state: "adopted" })
    expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: count, repeats: 0 } })
    // Nothing is left there: online is as good as any other lane.
    expect((await run([...args, "--max-output-tokens", "50"])).code).toBe(0)
    expect(vendor.stats().arrived).toBe(0)
  },
)

test("without a journal that stays, Ctrl-C cancels the batch: nobody could collect it", async () => {
  const vendor = await vendorWith({ processingMs: 60_000 })
  const { args } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  const interrupts = new Set<() => void>()
  const running = run([...args, "--lane", "batch", "--no-journal", "--json"], interrupts)
  await vi.waitUntil(() => vendor.stats().batches.jobs > 0, { timeout: 20_000, interval: 5 })
  for (const listener of interrupts) listener()
  const { code, stderr } = await running
  expect(code).toBe(130)
  expect(events(stderr).some(({ state }) => state === "cancelled")).toBe(true)
})

test("--lane auto: by batches while the deadline is far, online when it is near", async () => {
  const vendor = await vendorWith()
  const far = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  expect((await run([...far.args, "--lane", "auto", "--deadline", "1h30m", "-q"])).code).toBe(0)
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: count } })
  const near = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  expect((await run([...near.args, "--lane", "auto", "--deadline", "90s", "-q"])).code).toBe(0)
  expect(vendor.stats()).toMatchObject({ arrived: count, batches: { answered: count } })
})

test("--lane auto: what the batch has not done in time goes online", async () => {
  const vendor = await vendorWith({ processingMs: 3_600_000 })
  const { args, out } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  // On this clock a busy machine's answer takes an hour: no call is late, and so made again.
  const auto = [...args, "--lane", "auto", "--deadline", "1h", "--timeout-s", "1000000", "-q"]
  const { code } = await sluice(auto, { env, clock: fastClock(2_000) })
  expect(code).toBe(0)
  expect(linesOf(out)).toHaveLength(count)
  const { arrived, batches } = vendor.stats()
  expect([arrived, batches.jobs > 0, batches.answered]).toEqual([count, true, 0])
})

test("--lane batch with --budget-usd: stops with exit code 3 before it is exceeded; a larger one goes on, and nothing is paid twice", async () => {
  const vendor = await vendorWith()
  const { args, out, folder } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  // A cent an input token, half of that in a batch.
  const config = join(folder, "c.json")
  writeFileSync(config, JSON.stringify({ prices: { "gpt-5-mini": { input: 10_000, output: 0 } } }))
  const inLane = [...args, "--lane", "batch", "--config", config, "--fields", "index,usd"]
  const spent = (): number => linesOf(out).reduce((sum, { usd }) => sum + Number(usd), 0)
  // Before ten answers are known each is held at a token for every character.
  const budget = 0.2
  const first = await run([...inLane, "--budget-usd", String(budget)])
  expect(first.code).toBe(3)
  expect(first.stderr).toMatch(/Stopped: --budget-usd of .* The same command goes on from here\./)
  const done = linesOf(out).length
  expect(done).toBeGreaterThan(0)
  expect(done).toBeLessThan(count)
  expect(spent()).toBeLessThanOrEqual(budget)
  expect(spent()).toBeGreaterThan(budget / 4)
  expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
  expect((await run([...inLane, "--budget-usd", "10"])).code).toBe(0)
  expect(linesOf(out).map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: count, repeats: 0 } })
})

const wholeHour = 3_600_000

/** The same at a moment of the wall clock, however long the command takes to start. */
const runAt = (ms: number, args: readonly string[], interrupts?: Set<() => void>): Promise<Ended> => {
  const clock = fastClock(100)
  const at = { ...clock, wallNow: () => ms }
  return sluice(args, { env, clock: at, ...(interrupts && { interrupts }) })
}

test("--deadline counts from the first command of the run: the same command has what is left of it", async () => {
  const vendor = await vendorWith({ processingMs: wholeHour })
  const { args, out } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  const inLane = [...args, "--lane", "auto", "--deadline", "2h"]
  const interrupts = new Set<() => void>()
  const running = runAt(0, inLane, interrupts)
  await vi.waitUntil(() => vendor.stats().batches.jobs > 0, { timeout: 20_000, interval: 5 })
  for (const listener of interrupts) listener()
  expect((await running).code).toBe(130)
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: 0 } })

  const later = runAt(wholeHour, inLane, interrupts)
  await vi.waitUntil(() => interrupts.size > 0, { timeout: 20_000, interval: 5 })
  // The first listener hears a press before the journal is open; the run's own is another.
  const [first] = interrupts
  await vi.waitUntil(() => [...interrupts].some((each) => each !== first), { timeout: 20_000, interval: 5 })
  // At once, and for good: whether or not it waits for the batch again by now, it ends.
  for (let presses = 0; presses < 2; presses++) for (const listener of interrupts) listener()
  expect((await later).stderr).toMatch(/^1:00:00 left until the deadline, counted from the first command/m)

  // Three hours later nothing is left: the batch is given up, and all goes online.
  const late = await runAt(3 * wholeHour, inLane)
  expect(late.code).toBe(0)
  expect(late.stderr).toContain("The deadline of this run has passed: what is missing goes online.")
  expect(linesOf(out)).toHaveLength(count)
  expect(vendor.stats()).toMatchObject({ arrived: count, batches: { jobs: 1 } })
})

test("what is left of a deadline, another deadline, and a run that was done", async () => {
  const clock = { now: 0 }
  await using journal = openJournal({ path: ":memory:" })
  const journalled = await journal.openRun({ runId: "r", flow: "f" })
  const left = async (deadlineMs: number, nowMs: number): Promise<unknown> => {
    clock.now = nowMs
    return leftOf({ deadlineMs }, journalled, { ...systemClock, wallNow: () => clock.now })
  }
  expect(await left(2 * wholeHour, 0)).toEqual({ deadlineMs: 2 * wholeHour })
  expect(await left(2 * wholeHour, wholeHour)).toEqual({ deadlineMs: wholeHour })
  expect(await left(2 * wholeHour, 3 * wholeHour)).toEqual({ deadlineMs: 0 })
  // A clock that was put back gives no more than was asked for.
  expect(await left(2 * wholeHour, -wholeHour)).toEqual({ deadlineMs: 2 * wholeHour })
  expect(await left(wholeHour, 5 * wholeHour)).toEqual({ deadlineMs: wholeHour })
  expect(await left(wholeHour, 5.5 * wholeHour)).toEqual({ deadlineMs: 0.5 * wholeHour })
  await forgetDeadline(journalled)
  expect(await left(wholeHour, 9 * wholeHour)).toEqual({ deadlineMs: wholeHour })
  expect(await leftOf("batch", journalled, systemClock)).toBe("batch")
})

test("the configuration has a lane too, and the command line goes before it", async () => {
  const vendor = await vendorWith()
  const runWith = async (lane: unknown, ...more: string[]): Promise<void> => {
    const { args, folder } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
    writeFileSync(join(folder, "c.json"), JSON.stringify({ lane }))
    expect((await run([...args, "-q", "--config", join(folder, "c.json"), ...more])).code).toBe(0)
  }
  await runWith("batch")
  await runWith({ deadlineMs: 7_200_000 })
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: 2 * count } })
  await runWith("batch", "--lane", "online")
  expect(vendor.stats()).toMatchObject({ arrived: count, batches: { answered: 2 * count } })
})

test("a server that has no batches: said once, and every input is asked about online", async () => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (!request.url?.endsWith("/chat/completions")) return response.writeHead(404).end("{}")
      const message = { role: "assistant", content: "Yes." }
      response.writeHead(200, { "content-type": "application/json" })
      return response.end(
        JSON.stringify({
          id: "1",
          object: "chat.completion",
          created: 1,
          model: "x",
          choices: [{ index: 0, message, finish_reason: "stop" }],
        }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const { args, out } = setUp("openai-compatible:x", `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`)
  const { code, stderr } = await run([...args, "--lane", "batch"])
  expect(code).toBe(0)
  expect(stderr.match(/no batch could be made, its calls go online/g)).toHaveLength(1)
  expect(linesOf(out)).toHaveLength(count)
})

test("a plan with --lane is the same plan", async () => {
  const { args } = setUp("openai:gpt-5-mini")
  const planned = await run([...args, "--dry-run", "--json"])
  expect(planned.code).toBe(0)
  expect(await run([...args, "--dry-run", "--json", "--lane", "batch"])).toEqual(planned)
})

test("no key reaches the journal with a batch in it", async () => {
  const vendor = await vendorWith()
  const { args, out } = setUp("openai:gpt-5-mini", `${vendor.url}/v1`)
  await run([...args, "--lane", "batch", "-q"])
  expect(readFileSync(`${out}.journal`, "latin1")).not.toContain(env.OPENAI_API_KEY)
})
