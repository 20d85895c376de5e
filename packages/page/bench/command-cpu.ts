import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { startVendor } from "@sluice/lab"
import type { Browser, Page as Tab } from "playwright-core"
import { median } from "../../lab/bench/overhead/results.ts"
import { later } from "./shown-runs.ts"

/** `plain`: without a page; `idle`: with one that nobody looks at; `watched`: with a tab that shows the overview. */
const kinds = ["plain", "idle", "watched"] as const
type Kind = (typeof kinds)[number]

export interface CommandCpu {
  /** Microseconds of processor time for each call, the median of the rounds. */
  readonly callUs: number
  readonly idle: More
  readonly watched: More
  /** The same in percent, of all rounds together. */
  readonly inAll: { readonly idle: number; readonly watched: number }
  /** The most memory of a process until then, the median of the rounds. */
  readonly peakMb: Readonly<Record<Kind, number>>
}

/** What one of a round's commands took. */
interface Taken {
  readonly us: number
  readonly peakMb: number
}

/** More processor time, in percent: the middle of all rounds, and the middle half of them. */
export interface More {
  readonly percent: number
  readonly from: number
  readonly to: number
}

export interface CommandCpuOptions {
  readonly perSecond: number
  readonly rounds: number
  readonly measuredCalls: number
}

const program = path.join(import.meta.dirname, "../../cli/src/main.ts")
/** By then what is called often is compiled. */
export const warmUpCalls = 3_000

/**
 * What `sluice run` takes over HTTP, and takes more with `--ui`: three commands of the same work side by side in each round, so that whatever
 * else the machine does meets all of them in the same seconds. Each makes so many calls a second to a vendor in another process, and is
 * measured once it is warm.
 */
export async function commandCpu(browser: Browser, options: CommandCpuOptions): Promise<CommandCpu> {
  const { perSecond, rounds, measuredCalls } = options
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-bench-command-"))
  const calls: Record<Kind, number> = { plain: 0, idle: 0, watched: 0 }
  const vendor = await startVendor({
    latency: { baseMs: 200, perOutputTokenMs: 0 },
    headers: "none",
    answer({ messages }) {
      const text = messages.at(-1)?.text ?? ""
      const kind = kinds.find((each) => text.startsWith(each))
      if (kind) calls[kind]++
      return "It is a number, and that is all that can be said of it."
    },
  })
  const items = warmUpCalls + measuredCalls + perSecond * 10
  const lines = Array.from({ length: items }, (_, n) => `${JSON.stringify({ text: `What is ${n}?` })}\n`)
  writeFileSync(path.join(folder, "in.jsonl"), lines.join(""))
  // Evenly from the first second on: a burst would be another load.
  const pace = { limit: perSecond * 60, kind: "bucket", burst: 1 + perSecond / 5 }
  const config = { limits: { "*": { requestsPerMinute: pace } } }
  writeFileSync(path.join(folder, "sluice.config.json"), JSON.stringify(config))
  const taken: Record<Kind, number[]> = { plain: [], idle: [], watched: [] }
  const peaks: Record<Kind, number[]> = { plain: [], idle: [], watched: [] }
  try {
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) calls[kind] = 0
      const each = await measuredRound(browser, { folder, vendorUrl: vendor.url, calls, round, measuredCalls })
      for (const kind of kinds) {
        taken[kind].push(each[kind].us)
        peaks[kind].push(each[kind].peakMb)
      }
      const words = kinds.map(
        (kind) => `${kind} ${each[kind].us.toFixed(0)} µs a call, ${each[kind].peakMb.toFixed(0)} MB`,
      )
      process.stderr.write(`${words.join("; ")}\n`)
    }
  } finally {
    await vendor.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const more = (kind: Kind): More => {
    const all = taken[kind].map((each, at) => (each / taken.plain[at]! - 1) * 100).toSorted((a, b) => a - b)
    return { percent: median(all), from: all[all.length >> 2]!, to: all[all.length - 1 - (all.length >> 2)]! }
  }
  const sum = (kind: Kind): number => taken[kind].reduce((all, each) => all + each, 0)
  const inAll = (kind: Kind): number => (sum(kind) / sum("plain") - 1) * 100
  return {
    callUs: median(taken.plain),
    idle: more("idle"),
    watched: more("watched"),
    inAll: { idle: inAll("idle"), watched: inAll("watched") },
    peakMb: { plain: median(peaks.plain), idle: median(peaks.idle), watched: median(peaks.watched) },
  }
}

interface Round {
  readonly folder: string
  readonly vendorUrl: string
  /** That have come so far, of each. */
  readonly calls: Readonly<Record<Kind, number>>
  readonly round: number
  readonly measuredCalls: number
}

async function measuredRound(browser: Browser, round: Round): Promise<Record<Kind, Taken>> {
  const { calls, measuredCalls } = round
  // In another order each time: the first to start is ahead of the others.
  const order = kinds.map((_, at) => kinds[(at + round.round) % kinds.length]!)
  const runs = order.map((kind) => ({ kind, ...startRun(kind, round) }))
  let tab: Tab | undefined
  try {
    for (const { kind, url } of runs) {
      const address = await url
      if (kind !== "watched") continue
      tab = await browser.newPage()
      await tab.goto(address)
    }
    // From the same call to the same call: what is compiled by then is the same for all.
    const each = await Promise.all(
      runs.map(async ({ kind, child }) => {
        const from = await usedAt(child.pid!, () => calls[kind] >= warmUpCalls)
        const first = calls[kind]
        const to = await usedAt(child.pid!, () => calls[kind] >= warmUpCalls + measuredCalls)
        return [kind, { us: (to - from) / (calls[kind] - first), peakMb: peakMbOf(child.pid!) }] as const
      }),
    )
    return Object.fromEntries(each) as Record<Kind, Taken>
  } finally {
    await tab?.close()
    for (const { child } of runs) child.kill("SIGKILL")
  }
}

function startRun(
  kind: Kind,
  { folder, vendorUrl, round }: Round,
): { readonly child: ChildProcess; readonly url: Promise<string> } {
  const model = ["-m", "openai-compatible:gpt-5-mini", "--base-url", `${vendorUrl}/v1`, "-p", `${kind}: {{text}}`]
  const page = kind === "plain" ? [] : ["--ui", "0"]
  const child = spawn(
    process.execPath,
    ["--conditions=@sluice/source", program, "run", "in.jsonl", ...model, "-o", `${kind}-${round}.jsonl`, ...page],
    { cwd: folder, env: { PATH: process.env["PATH"], SLUICE_API_KEY: "none" } },
  )
  const url = new Promise<string>((resolve, reject) => {
    if (kind === "plain") resolve("")
    let text = ""
    const hear = (piece: Buffer): void => {
      text += piece.toString()
      const found = /Page: (\S+)/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.on("data", hear)
    child.stderr.on("data", hear).on("close", () => reject(new Error(text)))
  })
  return { child, url }
}

/** Processor time when something is so. */
async function usedAt(pid: number, isSo: () => boolean): Promise<number> {
  while (!isSo()) await later(10)
  return usedUs(pid)
}

/** The most memory that a process has had, as Linux tells it. */
function peakMbOf(pid: number): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024
}

/** Processor time of all threads of a process, as Linux tells it. */
function usedUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return (
    threads.reduce(
      (sum, each) => sum + Number(readFileSync(`/proc/${pid}/task/${each}/schedstat`, "utf8").split(" ")[0]),
      0,
    ) / 1_000
  )
}
