/**
 * What the page costs, and how fast it is there: `pnpm bench:page [--items 1000000] [--calls-per-second 200] [--seconds 20] [--write]`;
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
import type { Asked, Told } from "./measured-process.ts"
import { later } from "./shown-runs.ts"

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "1000000" },
    "calls-per-second": { type: "string", default: "200" },
    seconds: { type: "string", default: "20" },
    write: { type: "boolean", default: false },
  },
})
const items = Number(values.items)
const perSecond = Number(values["calls-per-second"])
const seconds = Number(values.seconds)
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
  const next = (): Promise<Told> => new Promise((resolve) => child.once("message", (told) => resolve(told as Told)))
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
  const { heldMb = 0 } = await server.ask("memory")
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
  const server = await start("calls", "0")
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

/** Of the processor time of a run at so many calls a second, in percent: what it takes more with a page, and with a tab that looks. */
async function cpuShares(
  from: Browser,
): Promise<{ runMs: number; eventsUs: number; ownShare: number; idleShare: number; watchedShare: number }> {
  const rounds: { plain: number; idle: number; watched: number }[] = []
  for (let round = 0; round < 3; round++) {
    const plain = await cpuOf("none")
    const idle = await cpuOf("page")
    const watched = await cpuOf("page", from)
    rounds.push({ plain, idle, watched })
  }
  const of = (name: "plain" | "idle" | "watched"): number => median(rounds.map((round) => round[name]))
  const share = (name: "idle" | "watched"): number => (of(name) / of("plain") - 1) * 100
  const told = await start("events")
  await told.end()
  const { eventsUs = 0 } = told
  const ownShare = ((eventsUs * perSecond * seconds) / 1_000 / of("plain")) * 100
  return { runMs: of("plain") / seconds, eventsUs, ownShare, idleShare: share("idle"), watchedShare: share("watched") }
}

/** Milliseconds of processor time over the measured seconds. */
async function cpuOf(which: "none" | "page", from?: Browser): Promise<number> {
  const server = await start("calls", String(perSecond), which)
  const tab = await from?.newPage()
  await tab?.goto(server.url)
  await later(3_000)
  await server.ask("begin")
  await later(seconds * 1_000)
  const { cpuMs = 0 } = await server.ask("cpu")
  await tab?.close()
  await server.end()
  return cpuMs
}

function report(found: {
  serverMb: number
  tabMb: number
  loadedS: number
  paintMs: number
  contentMs: number
  runMs: number
  eventsUs: number
  ownShare: number
  idleShare: number
  watchedShare: number
}): string {
  const line = (what: string, most: number, reached: number, unit: string): string =>
    `| ${what} | ${most} ${unit} | ${reached.toFixed(unit === "%" ? 1 : 0)} ${unit} | ${reached <= most ? "kept" : "missed"} |`
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
${line(`at ${perSecond} calls a second: processor time of the run more, with a page that nobody looks at`, 3, found.idleShare, "%")}
${line(`at ${perSecond} calls a second: processor time of the run more, with a tab that looks`, 3, found.watchedShare, "%")}

Memory is what is held after a collection: heap and buffers of the server's process over what it held before the page was opened; the heap of the tab. The
items came out of a journal (\`sluice inspect --ui\`), all of them ${found.loadedS.toFixed(0)} s after the page was opened, were scrolled through and sorted by latency.
The run makes its calls through \`limitedFetch\` to a vendor in the same process that answers at once, under a limit, in a flow's batch; it takes
${found.runMs.toFixed(0)} ms of processor time a second without a page, median of 3 rounds of ${seconds} s each, which on a busy machine differ by more than what is looked for. What the page does with the
events of an item takes ${found.eventsUs.toFixed(1)} µs; where the rest of what a run takes more goes has not been measured. Without \`--ui\` nothing of the page is loaded or called:
a listener that is not there costs what [telemetry's benchmark](../guides/opentelemetry.md) finds for nobody who listens.
`
}
