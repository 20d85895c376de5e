import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { createDefine } from "@sluice/core"
import { startVendor, type VendorServer } from "@sluice/lab"
import { limitedFetch } from "@sluice/providers"
import { systemClock, systemRuntime } from "@sluice/scheduler"
import { openPage } from "../src/index.ts"

/** A run that can be looked at. */
export interface ShownRun {
  readonly url: string
  /** Of its vendor's own page. */
  readonly labUrl: string
  end(): Promise<void>
}

const things = ["kettle", "lamp", "tent", "keyboard", "rucksack", "heater", "camera", "saddle", "blender", "router"]
const said = [
  "arrived a day late and in a box that had been opened before",
  "does what it promises, every morning, without a sound",
  "broke after two weeks, and the shop answers no mail",
  "is heavier than the picture makes one think",
  "was a present, and the person who got it has not put it down since",
  "needs a second pair of hands for the first assembly",
]

function reviewOf(n: number): string {
  const thing = things[n % things.length]!
  const pieces = Array.from({ length: 1 + (n % 4) }, (_, at) => said[(n * 7 + at * 5) % said.length]!)
  return `The ${thing} ${pieces.join(", and it ")}. I would ${n % 3 === 0 ? "not " : ""}buy it again.`
}

/** Markdown, and every fiftieth answer longer than anybody asked for. */
function answerOf(text: string): string {
  const thing = things.find((each) => text.includes(each)) ?? "thing"
  const verdict = text.includes("not buy") ? "negative" : "positive"
  const more = /box .*sound/.test(text) ? ` ${"More could be said of it, and is. ".repeat(40)}` : ""
  return `**${verdict}**: the ${thing} is what the review is about.\n\n- delivery: ${text.includes("late") ? "late" : "no complaint"}\n- quality: \`${verdict}\`\n${more}`
}

function startModel(requests: number): Promise<VendorServer> {
  return startVendor({
    limits: { requests, tokens: 60_000 },
    latency: { baseMs: 500, perOutputTokenMs: 12, heavyTail: 0.4 },
    faults: { rates: { error503: 0.02 } },
    // Others use the account too: so it is refused now and then.
    coTenants: [{ requestsPerMinute: 150, fromMs: 12_000, toMs: 30_000, burst: 10 }],
    answer: ({ messages }) => answerOf(messages.at(-1)?.text ?? ""),
    models: ["gpt-5-mini"],
  })
}

/** `sluice run … --ui` over so many reviews. */
export async function shownCommand(items: number): Promise<ShownRun> {
  const vendor = await startModel(500)
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-shown-"))
  const lines = Array.from({ length: items }, (_, n) => `${JSON.stringify({ review: reviewOf(n) })}\n`)
  writeFileSync(path.join(folder, "reviews.jsonl"), lines.join(""))
  const prices = { "*": { input: 0.25, output: 2 } }
  writeFileSync(path.join(folder, "sluice.config.json"), JSON.stringify({ prices }))
  const model = ["-m", "openai-compatible:gpt-5-mini", "--base-url", `${vendor.url}/v1`]
  const limits = ["--budget-usd", "2", "--max-output-tokens", "150"]
  const prompt = ["-p", "Is this review positive or negative, and why?\n\n{{review}}"]
  const child = spawn(
    process.execPath,
    [
      "--conditions=@sluice/source",
      path.join(import.meta.dirname, "../../cli/src/main.ts"),
      "run",
      "reviews.jsonl",
      ...prompt,
      ...model,
      ...limits,
      "-o",
      "results.jsonl",
      "--ui",
      "0",
    ],
    { cwd: folder, env: { PATH: process.env["PATH"], SLUICE_API_KEY: "none" } },
  )
  const url = await addressOf(child)
  return {
    url,
    labUrl: `${vendor.url}/lab`,
    async end() {
      child.kill("SIGKILL")
      await vendor.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function addressOf({ stdout, stderr }: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ""
    const hear = (piece: Buffer): void => {
      text += piece.toString()
      const found = /Page: (\S+)/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    }
    stdout?.on("data", hear)
    stderr?.on("data", hear).on("close", () => reject(new Error(text)))
  })
}

/** A flow with a flow inside, as `openPage` shows it. */
export async function shownFlow(items: number): Promise<ShownRun> {
  const vendor = await startModel(400)
  const flow = flowOf(items, () => limited, vendor)
  const page = await openPage({ title: "digest", flow })
  const limited = limitedFetch({ onEvent: page.onEvent })
  const controller = new AbortController()
  const done = flow.run({}, { onEvent: page.onEvent, signal: controller.signal }).catch(() => {})
  return {
    url: page.url,
    labUrl: `${vendor.url}/lab`,
    async end() {
      controller.abort()
      await done
      await page.close()
      await limited.close()
      await vendor.stop()
    },
  }
}

function flowOf(items: number, fetch: () => typeof globalThis.fetch, vendor: VendorServer) {
  const { step, batch, flow, batchFlow } = createDefine(systemRuntime)<object>()
  const ask = async (text: string): Promise<string> => {
    const body = JSON.stringify({ model: "gpt-5-mini", messages: [{ role: "user", content: text }] })
    const headers = { "content-type": "application/json" }
    const answer = await fetch()(`${vendor.url}/v1/chat/completions`, { method: "POST", headers, body })
    return answer.text()
  }
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => reviewOf(n))
  const load = step({ name: "load", exec: () => "loaded", post: (): "many" | "none" => "many" })
  const classify = batch({ name: "classify", prep: () => numbers(items), exec: ask, onError: "collect" })
  const summarise = batch({
    name: "summarise",
    prep: () => numbers(Math.ceil(items / 20)),
    exec: ask,
    onError: "collect",
  })
  const check = step({ name: "check", exec: () => ask("Is this right?"), post: (): "good" | "again" => "good" })
  const topic = flow({
    name: "topic",
    nodes: { summarise, check },
    start: "summarise",
    edges: { summarise: { default: "check" }, check: { good: null, again: "summarise" } },
  })
  const perTopic = batchFlow({ name: "perTopic", prep: () => things.map((thing) => ({ thing })), flow: topic })
  const report = step({ name: "report", exec: () => ask("Write it down.") })
  const apologise = step({ name: "apologise", exec: () => "sorry" })
  return flow({
    name: "digest",
    nodes: { load, classify, perTopic, report, apologise },
    start: "load",
    edges: {
      load: { many: "classify", none: "apologise" },
      classify: { default: "perTopic" },
      perTopic: { default: "report" },
    },
  })
}

export function later(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve))
}
