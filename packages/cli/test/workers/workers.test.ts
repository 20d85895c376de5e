import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { bullExecutor } from "@sluice/bullmq"
import { Redis } from "ioredis"
import { beforeEach, describe, expect, test } from "vitest"
import { findServer } from "../../../redis/test/redis-server.ts"
import { suiteServer } from "../../../redis/test/suite-server.ts"
import { countingVendor } from "../chaos/kill-and-resume.ts"
import { ended, fastProgram, linesOf, sluice, startSluice } from "../command/sluice.ts"
import { labVendor } from "../command/set-up.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"
import { app } from "./count-flow.ts"
import { fileOfInputs, key, modelAt as at, startSluiceWorker } from "./fleet.ts"

const program = findServer()
/** Items that a worker is at, at a time. */
const places = 16

/** Real processes, real HTTP, a real server. */
describe.skipIf(program === undefined)("sluice run --workers", () => {
  // Else what is dumped may be compressed, and a key not be seen in it.
  const server = suiteServer(program, "--rdbcompression", "no")
  beforeEach(() => server.restart())

  /** A folder with that many inputs, and the arguments of a run over them. */
  const place = (count: number, model: readonly string[]) =>
    fileOfInputs(count, ...model, "--redis", server.url, "--workers")
  /** A worker that may ask there. */
  const workerAt = (url: string, folder: string, ...more: string[]) =>
    startSluiceWorker(["--redis", server.url, "--base-url", `${url}/v1`, ...more], folder)
  const everythingInRedis = async (): Promise<string> => {
    const redis = new Redis(server.url)
    const texts: string[] = []
    for (const name of await redis.keys("*")) texts.push(name, await redis.dump(name))
    redis.disconnect()
    return texts.join("\n")
  }

  test("several models: a column for each, each answered once; another column is all that is asked", async () => {
    const vendor = await speakingVendor(({ model, messages }) => `${model}: ${messages.at(-1)?.content ?? ""}`)
    const { folder, args, out } = place(30, [...at(vendor.url), "-m", "openai-compatible:y"])
    const worker = await workerAt(vendor.url, folder)
    expect(await sluice([...args, "-q"], { env: {} })).toEqual({ code: 0, stdout: "", stderr: "" })
    const columns = (id: number, names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [`openai-compatible:${name}`, `${name}: Say word ${id}.`]))
    expect(linesOf(out).map(({ output }) => output)).toEqual(
      Array.from({ length: 30 }, (_, id) => columns(id, ["x", "y"])),
    )
    expect(vendor.heard).toHaveLength(60)
    expect((await sluice([...args, "-m", "openai-compatible:z", "-q"], { env: {} })).code).toBe(0)
    expect(linesOf(out)[7]?.["output"]).toEqual(columns(7, ["x", "y", "z"]))
    expect(vendor.heard).toHaveLength(90)
    worker.child.kill("SIGTERM")
    expect(await worker.ended).toBe(0)
  }, 120_000)

  test("spreads the items; the key is the workers' alone, and never in Redis", async () => {
    const { vendor, calls } = await countingVendor({
      latency: { baseMs: 20, perOutputTokenMs: 0 },
      limits: { requests: { limit: 60_000 } },
    })
    const { folder, args, out } = place(200, at(vendor.url))
    const workers = await Promise.all([1, 2].map(() => workerAt(vendor.url, folder)))
    const running = sluice([...args, "--rpm", "60000", "--fields", "index,output,inputTokens,attempts", "-q"], {
      env: {},
    })
    let seen = ""
    while (vendor.stats().arrived < 100) {
      await sleep(5)
      seen = await everythingInRedis()
    }
    expect(await running).toEqual({ code: 0, stdout: "", stderr: "" })
    const lines = linesOf(out)
    expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 200 }, (_, index) => index))
    for (const { index, output, inputTokens, attempts } of lines)
      expect([output, attempts, (inputTokens as number) > 0]).toEqual([`Say word ${String(index)}.`, 1, true])
    expect([...calls.values()].every((count) => count === 1)).toBe(true)
    for (const there of ["sluice-ask-", "Say word "]) expect(seen).toContain(there)
    for (const text of [seen, await everythingInRedis()]) expect(text).not.toContain(key)
    for (const { child, ended: end } of workers) {
      child.kill("SIGTERM")
      expect(await end).toBe(0)
    }
    await vendor.stop()
  }, 120_000)

  test("failures, refusals and second attempts are what they are in one process", async () => {
    const asked: string[] = []
    const { args: model, url } = await speakingVendor(({ messages }) => {
      const { content } = messages[0]!
      asked.push(content)
      if (content.includes("word 1.")) return messages.length > 1 ? '{"n": 1.50}' : "no JSON"
      if (content.includes("word 2.")) return { status: 400, message: `no such thing for ${key}` }
      return '{"n": 9007199254740993}'
    })
    const { folder, args, out } = place(3, model)
    const schema = join(folder, "schema.json")
    writeFileSync(schema, JSON.stringify({ type: "object", properties: { n: { type: "number" } }, required: ["n"] }))
    const worker = await workerAt(url, folder)
    const { code, stderr } = await sluice([...args, "--schema", schema, "--fields", "output,attempts"], { env: {} })
    expect(code).toBe(1)
    expect(stderr).not.toContain(key)
    expect(readFileSync(out, "utf8")).toBe(
      '{"output":{"n":9007199254740993},"attempts":1}\n{"output":{"n":1.50},"attempts":2}\n',
    )
    expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([{ index: 2, error: { statusCode: 400 } }])
    expect(readFileSync(`${out}.failed.jsonl`, "utf8")).toContain("no such thing for [redacted]")
    expect(await everythingInRedis()).not.toContain(key)
    expect(asked).toHaveLength(4)
    worker.child.kill("SIGTERM")
    await worker.ended
  }, 60_000)

  test("a vendor's refusal of a megabyte is a failure with its beginning and its length", async () => {
    const refusal = { status: 400, message: `not this: ${"x".repeat(1 << 19)}` }
    const { args: model, url } = await speakingVendor(() => refusal)
    const { folder, args, out } = place(1, model)
    const worker = await workerAt(url, folder)
    for (const more of [["-q"], ["-q", "--retry-failed"]])
      expect(await sluice([...args, ...more], { env: {} })).toMatchObject({ code: 1 })
    const [failed] = linesOf(`${out}.failed.jsonl`)
    expect(failed).toMatchObject({
      error: { statusCode: 400, message: expect.stringMatching(/not this: x+… \(cut: it has 5\d+ characters\)$/) },
    })
    expect(JSON.stringify(failed).length).toBeLessThan(60_000)
    worker.child.kill("SIGTERM")
    await worker.ended
  }, 60_000)

  test("a worker without the key ends the run with a line that says so, and nothing counts as failed", async () => {
    const { folder, args, out } = place(5, ["-m", "openai:gpt-5-mini"])
    const worker = await startSluiceWorker(["--redis", server.url], folder, { OPENAI_API_KEY: "" })
    const { code, stderr } = await sluice(args, { env: {} })
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("A worker says: --model openai:gpt-5-mini needs the environment variable OPENAI_API_KEY"),
    ])
    expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
    worker.child.kill("SIGTERM")
    await worker.ended
  }, 60_000)

  test("a worker sends its key to no address but those it was started with; started as it says, the same command goes on", async () => {
    const { url, heard } = await speakingVendor(() => "caught")
    const { folder, args, out } = place(5, at(url))
    const worker = await startSluiceWorker(["--redis", server.url, "--base-url", "http://127.0.0.1:9/v1"], folder)
    // Again it is what the worker says now, not what it has said.
    for (const _ of [1, 2]) {
      const { code, stderr } = await sluice(args, { env: {} })
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining(
          `A worker says: the run asks at ${url}/v1, where this worker was not told to send its keys. Start it with --base-url ${url}/v1`,
        ),
      ])
    }
    expect(heard).toEqual([])
    expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
    worker.child.kill("SIGTERM")
    await worker.ended
    await workerAt(url, folder)
    expect(await sluice([...args, "-q"], { env: {} })).toEqual({ code: 0, stdout: "", stderr: "" })
    expect(linesOf(out)).toHaveLength(5)
    expect(heard).toHaveLength(5)
  }, 60_000)

  test("SIGTERM drains a worker: what it is at is finished, and nothing is asked twice", async () => {
    const { vendor, calls } = await countingVendor({ latency: { baseMs: 300, perOutputTokenMs: 0 } })
    const { folder, args } = place(120, at(vendor.url))
    const startOne = () => workerAt(vendor.url, folder, "--concurrency", "8")
    const [first] = [await startOne(), await startOne()]
    const running = sluice([...args, "-q"], { env: {} })
    while (vendor.stats().arrived < 30) await sleep(5)
    first.child.kill("SIGTERM")
    expect(await first.ended).toBe(0)
    expect(first.said()).toContain("Finishing what is in flight")
    expect(await running).toMatchObject({ code: 0 })
    expect(calls.size).toBe(120)
    expect([...calls.values()].every((count) => count === 1)).toBe(true)
    await vendor.stop()
  }, 60_000)

  test("Ctrl-C ends a run: what no worker has begun stays open, and the same command goes on", async () => {
    const { vendor, calls } = await countingVendor({ latency: { baseMs: 200, perOutputTokenMs: 0 } })
    const { folder, args, out } = place(100, at(vendor.url))
    await workerAt(vendor.url, folder, "--concurrency", "4")
    const interrupts = new Set<() => void>()
    const running = sluice([...args, "-q"], { env: {}, interrupts })
    while (vendor.stats().arrived < 12) await sleep(5)
    for (const interrupt of interrupts) interrupt()
    expect(await running).toMatchObject({ code: 130 })
    const before = linesOf(out).length
    expect(before).toBeGreaterThanOrEqual(8)
    expect(before).toBeLessThan(60)
    expect(await sluice([...args, "-q"], { env: {} })).toMatchObject({ code: 0 })
    expect(linesOf(out)).toHaveLength(100)
    expect([...calls.values()].every((count) => count === 1)).toBe(true)
    await vendor.stop()
  }, 60_000)

  test("the lines of a run say what is with workers, and what waits for one", async () => {
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const vendor = await speakingVendor(async () => mayAnswer.then(() => "said"))
    const { folder, args } = place(20, at(vendor.url))
    const running = startSluice(args, folder, { main: fastProgram })
    const out = ended(running)
    let said = ""
    running.stderr.on("data", (chunk) => (said += String(chunk)))
    while (!said.includes("0 calls with workers, 20 waiting for a worker")) await sleep(5)
    const worker = await workerAt(vendor.url, folder, "--concurrency", "4")
    while (!said.includes("4 calls with workers, 16 waiting for a worker")) await sleep(5)
    answer()
    expect(await out).toMatchObject({ code: 0 })
    expect(said).not.toMatch(/in flight|requests \d/)
    worker.child.kill("SIGTERM")
    expect(await worker.ended).toBe(0)
  }, 60_000)

  test("two models and two prompts: a SIGKILL of the run and one of a worker cost no column an answer, and repeat only what that worker was at", async () => {
    const calls = new Map<string, number>()
    const vendor = await speakingVendor(async ({ model = "", messages }) => {
      const call = `${model} ${messages.at(-1)?.content ?? ""}`
      calls.set(call, (calls.get(call) ?? 0) + 1)
      await sleep(100)
      return call
    })
    const count = 60
    const { folder, args, out } = place(count, [...at(vendor.url), "-m", "openai-compatible:y"])
    const texts = ["short", "long"].map((name) => {
      writeFileSync(join(folder, name), `${name}: {{text}}.`)
      return join(folder, name)
    })
    const asked = args.flatMap((arg) => (arg === "-p" ? ["--prompt-file"] : arg.startsWith("Say ") ? texts : [arg]))
    const startOne = () => workerAt(vendor.url, folder, "--concurrency", String(places), "--lock-s", "4")
    const workers = [await startOne(), await startOne()]
    let run = startSluice([...asked, "-q"], folder)
    const total = count * 4
    const until = async (share: number): Promise<void> => {
      while (calls.size < total * share && run.exitCode === null) await sleep(3)
    }
    await until(0.3)
    run.kill("SIGKILL")
    await ended(run)
    run = startSluice([...asked, "-q"], folder)
    await until(0.6)
    workers[0]!.child.kill("SIGKILL")
    await workers[0]!.ended
    expect(await ended(run)).toEqual({ code: 0, stdout: "", stderr: "" })
    const columns = (id: number) =>
      Object.fromEntries(
        ["x", "y"].flatMap((model) =>
          ["short", "long"].map((name) => [`openai-compatible:${model} ${name}`, `${model} ${name}: word ${id}.`]),
        ),
      )
    expect(linesOf(out).map(({ output }) => output)).toEqual(Array.from({ length: count }, (_, id) => columns(id)))
    expect(calls.size).toBe(total)
    const repeated = [...calls.values()].reduce((sum, each) => sum + each - 1, 0)
    expect(repeated).toBeLessThanOrEqual(places)
    workers[1]!.child.kill("SIGTERM")
    await workers[1]!.ended
  }, 180_000)

  test("what cannot be is one line and exit code 2", async () => {
    const vendor = await labVendor()
    const { args } = place(1, at(vendor.url))
    const without = args.filter((arg) => arg !== "--redis" && arg !== server.url)
    for (const [more, words] of [
      [without, "say with --redis URL where the workers are"],
      [[...args, "--lane", "batch"], "the batch lane spreads a run at the vendor already"],
      [[...args, "--cache"], "--cache keeps answers of this process's own calls"],
      [[...args, "--ui", "0"], "--ui holds and shows the calls of this process"],
    ] as const)
      expect(await sluice(more, { env: {} })).toMatchObject({ code: 2, stderr: expect.stringContaining(words) })
    const nobody = await sluice(["worker", "--redis", "redis://:secret@127.0.0.1:1"])
    expect(nobody).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("No Redis answers at redis://127.0.0.1:1"),
    })
    expect(nobody.stderr).not.toContain("secret")
  }, 60_000)

  test("sluice worker FLOW.ts does the items of a flow's batches", async () => {
    const file = join(import.meta.dirname, "count-flow.ts")
    const worker = await startSluiceWorker([file, "app", "--redis", server.url], import.meta.dirname)
    expect(worker.said()).toContain('Doing items of "count" until')
    const executor = bullExecutor(app, { connection: { url: server.url } })
    const shared: { texts: string[]; counts?: number[]; by?: number[] } = {
      texts: ["one", "two words", "three more words"],
    }
    await app.run(shared, { executor, runId: "flow" })
    await executor.close()
    expect(shared.counts).toEqual([1, 2, 3])
    expect(shared.by).toEqual([worker.child.pid, worker.child.pid, worker.child.pid])
    worker.child.kill("SIGTERM")
    expect(await worker.ended).toBe(0)
    expect(await sluice(["worker", file, "nothing", "--redis", server.url])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("exports no flow called nothing"),
    })
  }, 60_000)
})
