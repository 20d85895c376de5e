/**
 * What the page costs, and how fast it is there: `pnpm bench:page [--items 1000000] [--calls-per-second 200] [--rounds 10] [--write]`;
 * `--write` puts the figures into docs/benchmarks/page.md.
 */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { openJournal } from "@sluice/journal"
import { type Browser, chromium, type CDPSession, type Page as Tab } from "playwright-core"
import { findBrowser } from "../../../docs/browser.ts"
import { isBusy, machineLine } from "../../lab/bench/machine.ts"
import { median } from "../../lab/bench/overhead/results.ts"
import type { Asked, Beside, Told } from "./measured-process.ts"
import { later } from "./shown-runs.ts"

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "1000000" },
    "calls-per-second": { type: "string", default: "200" },
    rounds: { type: "string", default: "10" },
    write: { type: "boolean", default: false },
  },
})
const items = Number(values.items)
const perSecond = Number(values["calls-per-second"])
const rounds = Number(values.rounds)
const secondsEach = 3
const machine = machineLine()
const wasBusy = isBusy()

const executablePath = findBrowser()
if (executablePath === undefined) throw new Error("There is no Chromium here (apt-get install chromium).")
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-quic"] })
const children = new Set<ChildProcess>()
const folder = mkdtempSync(path.join(tmpdir(), "sluice-bench-page-"))
try {
  const journal = path.join(folder, "a.journal")
  await fill(journal)
  const million = await ofAMillion(browser, journal)
  const paint = await firstPaints(browser)
  const shares = await cpuShares(browser)
  const text = report({ ...million, ...paint, ...shares })
  process.stdout.write(text)
  if (values.write) writeFileSync(path.join(import.meta.dirname, "../../../docs/benchmarks/page.md"), text)
} finally {
  for (const child of children) child.kill("SIGKILL")
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}

/** A journal with so many items, as `sluice run` writes them. */
async function fill(file: string): Promise<void> {
  const journal = openJournal({ path: file, synchronous: "normal" })
  const run = await journal.openRun({ runId: "results.jsonl", flow: "sluice run" })
  for (let from = 0; from < items; from += 2_000) {
    await Promise.all(
      Array.from({ length: Math.min(2_000, items - from) }, (_, at) => {
        const index = from + at
        const value = {
          input: { text: `prompt ${index}` },
          output: `answer ${index}`,
          finishReason: "stop",
          latencyMs: index % 5_000,
        }
        const identity = { node: "run", visit: 0, params: {}, index, input: value.input }
        const cost = { requests: 1, inputTokens: 50, outputTokens: 20, usd: 0.0001 }
        return run.settle(identity, { status: "ok", index, value, attempts: 1 }, cost)
      }),
    )
  }
  await run.end("ok")
  await journal.close()
}

interface Started {
  readonly url: string
  ask(what: Asked): Promise<Told>
  end(): Promise<void>
}

/** The measured part in a process of its own. */
async function start(...args: string[]): Promise<Started & Told> {
  const child = fork(path.join(import.meta.dirname, "measured-process.ts"), args, {
    execArgv: ["--expose-gc", "--conditions=@sluice/source"],
  })
  let fail: (error: Error) => void = () => {}
  const next = (): Promise<Told> =>
    new Promise((resolve, reject) => {
      fail = reject
      child.once("message", (told) => resolve(told as Told))
    })
  child.once("close", (code) => fail(new Error(`The measured process ended with ${code}.`)))
  const first = await next()
  children.add(child)
  return {
    ...first,
    url: first.url ?? "",
    async ask(what) {
      const told = next()
      child.send(what)
      return told
    },
    async end() {
      const over = new Promise((resolve) => child.once("close", resolve))
      child.kill("SIGKILL")
      await over
    },
  }
}

/** Memory of the server and of the tab with all items read, in MB, after the table was scrolled through and sorted. */
async function ofAMillion(
  from: Browser,
  journal: string,
): Promise<{ serverMb: number; tabMb: number; loadedS: number }> {
  const server = await start("journal", journal)
  const tab = await from.newPage()
  const began = performance.now()
  await tab.goto(server.url)
  await tab.getByRole("link", { name: "Items" }).click()
  await until(tab, `document.querySelector("[role=grid]")?.getAttribute("aria-rowcount") === "${items + 1}"`)
  const loadedS = (performance.now() - began) / 1_000
  const grid = tab.getByRole("grid")
  await grid.focus()
  for (const press of ["End", "Home", "PageDown", "PageDown"]) {
    await tab.keyboard.press(press)
    await tab.waitForTimeout(500)
  }
  await tab.getByRole("link", { name: "Slowest" }).click()
  await tab.waitForTimeout(2_000)
  await tab.getByRole("link", { name: "Overview" }).click()
  await tab.waitForTimeout(2_000)
  const { heldMb = 0 } = await server.ask({ what: "memory" })
  const tabMb = await tabMemory(await tab.context().newCDPSession(tab))
  await tab.close()
  await server.end()
  return { serverMb: heldMb, tabMb, loadedS }
}

/** The page's policy evaluates no text of its own accord: asked from outside it is answered. */
async function until(tab: Tab, expression: string): Promise<void> {
  while (!(await tab.evaluate<boolean>(expression))) await later(50)
}

/** What JavaScript of the tab holds after a collection. */
async function tabMemory(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage")
  const { usedSize, totalSize } = await session.send("Runtime.getHeapUsage")
  return Math.max(usedSize, totalSize) / 2 ** 20
}

/** From the beginning of the navigation to the first picture, and to the first with the run in it; the browser is warm, its cache is not. */
async function firstPaints(from: Browser): Promise<{ paintMs: number; contentMs: number }> {
  const server = await start("idle")
  const [paints, contents]: [number[], number[]] = [[], []]
  for (let round = 0; round < 9; round++) {
    const context = await from.newContext()
    const tab: Tab = await context.newPage()
    await tab.goto(server.url)
    await until(tab, `performance.getEntriesByName("first-contentful-paint").length > 0`)
    const [paint, content] = await tab.evaluate<[number, number]>(
      `["first-paint", "first-contentful-paint"].map((name) => performance.getEntriesByName(name)[0].startTime)`,
    )
    paints.push(paint)
    contents.push(content)
    await context.close()
  }
  await server.end()
  return { paintMs: median(paints), contentMs: median(contents) }
}

/** More processor time of the run, in percent: the middle of all rounds, and the middle half of them. */
interface More {
  readonly percent: number
  readonly from: number
  readonly to: number
}

interface Shares {
  readonly callUs: number
  readonly eventsUs: number
  readonly ownShare: number
  readonly listener: More
  readonly idle: More
  readonly watched: More
  /** With a page, more than with the listener that does nothing. */
  readonly ofPage: More
}

/**
 * What each call of a run takes, and takes more with a listener that does nothing, with a page, and with a tab that looks at it. All are
 * measured in turn in the same process, a few seconds each and in another order each round: what the machine does meanwhile, what is compiled
 * and what is collected then meets all of them alike.
 */
async function cpuShares(from: Browser): Promise<Shares> {
  const kinds = ["nothing", "listener", "page", "tab"] as const
  const taken: Record<(typeof kinds)[number], number[]> = { nothing: [], listener: [], page: [], tab: [] }
  const server = await start("calls", String(perSecond))
  for (let round = 0; round < rounds; round++)
    for (let at = 0; at < kinds.length; at++) {
      const kind = kinds[(round % 2 === 0 ? at + (round >> 1) : kinds.length * 2 - at - (round >> 1)) % kinds.length]!
      taken[kind].push(await callCpu(server, kind === "tab" ? "page" : kind, kind === "tab" ? from : undefined))
    }
  await server.end()
  const more = (kind: keyof typeof taken, than: keyof typeof taken = "nothing"): More => {
    const all = taken[kind].map((each, round) => (each / taken[than][round]! - 1) * 100).toSorted((a, b) => a - b)
    return { percent: median(all), from: all[all.length >> 2]!, to: all[all.length - 1 - (all.length >> 2)]! }
  }
  const told = await start("events")
  await told.end()
  const { eventsUs = 0 } = told
  const callUs = median(taken.nothing)
  return {
    callUs,
    eventsUs,
    ownShare: (eventsUs / callUs) * 100,
    listener: more("listener"),
    idle: more("page"),
    watched: more("tab"),
    ofPage: more("page", "listener"),
  }
}

/** Microseconds of processor time for each call of a run. */
async function callCpu(server: Started, beside: Beside, from: Browser | undefined): Promise<number> {
  const { url = "" } = await server.ask({ what: "begin", beside })
  const tab = await from?.newPage()
  await tab?.goto(url)
  await later(1_500)
  const { callUs = 0, calls = 0 } = await server.ask({ what: "measure", ms: secondsEach * 1_000 })
  await tab?.close()
  await server.ask({ what: "end" })
  if (calls < perSecond * secondsEach * 0.8)
    process.stderr.write(`Only ${calls} calls in ${secondsEach} s: this machine is too busy to tell.\n`)
  return callUs
}

function report(
  found: Shares & { serverMb: number; tabMb: number; loadedS: number; paintMs: number; contentMs: number },
): string {
  const line = (what: string, most: number, reached: number, unit: string, range?: More): string => {
    const spread = range ? ` (${range.from.toFixed(1)} to ${range.to.toFixed(1)})` : ""
    const isDoubtful = range && range.from <= most && most < range.to
    const verdict = isDoubtful ? "too busy to tell" : reached <= most ? "kept" : "missed"
    return `| ${what} | ${most} ${unit} | ${reached.toFixed(unit === "%" ? 1 : 0)} ${unit}${spread} | ${verdict} |`
  }
  const { listener, idle, watched, ofPage } = found
  const said = ({ percent, from, to }: More): string =>
    `${percent.toFixed(1)} % more (${from.toFixed(1)} to ${to.toFixed(1)})`
  const at = `at ${perSecond} calls a second: processor time of the run`
  return `# What the page costs

${machine}.

Written by \`pnpm bench:page --write\`: the page in a process of its own, looked at by Chromium without a screen. ${wasBusy ? "More was ready to run than there are cores, so what is a time is more than it would be on a quiet machine.\n" : ""}
| | at most | reached | |
|---|---:|---:|---|
${line("first paint, median of 9 new profiles", 300, found.paintMs, "ms")}
${line("first paint with the run in it", 300, found.contentMs, "ms")}
${line(`${items.toLocaleString("en")} items: what the server holds`, 150, found.serverMb, "MB")}
${line(`${items.toLocaleString("en")} items: what the tab's JavaScript holds`, 100, found.tabMb, "MB")}
${line(`at ${perSecond} calls a second: what the page does with their events, of the run's processor time`, 3, found.ownShare, "%")}
${line(`${at} more, with a page that nobody looks at`, 3, idle.percent, "%", idle)}
${line(`${at} more, with a tab that looks`, 3, watched.percent, "%", watched)}

Memory is what is held after a collection: heap and buffers of the server's process over what it held before the page was opened; the heap of the tab. The
items came out of a journal (\`sluice inspect --ui\`), all of them ${found.loadedS.toFixed(0)} s after the page was opened, were scrolled through and sorted by latency.

The run makes its calls through \`limitedFetch\` to a vendor in the same process that answers after 200 ms, under a limit, in a flow's batch: a call takes
${found.callUs.toFixed(0)} µs of processor time, that of the simulated vendor and of waking up included. Runs with nothing beside them, with a listener that does nothing, with a page
and with a tab were measured in turn in one process, ${secondsEach} s each, ${rounds} rounds, as time for each call. What is more is the median of the rounds, with
the middle half of them in brackets: where that is wide, the machine did more than what is looked for. What the page does with the events of an item takes ${found.eventsUs.toFixed(1)} µs.

Where it goes: a listener that does nothing makes ${said(listener)}, since events are made where somebody hears them; beside that listener the page makes
${said(ofPage)}. In a profile the page's own code is the smaller part of that; the collector has more to do, since what is
told of a call lives until the call is over, and steps of the last 4,000 items live on. Without \`--ui\` nothing of the page is loaded or called:
a listener that is not there costs what [telemetry's benchmark](../guides/opentelemetry.md) finds for nobody who listens.
`
}
