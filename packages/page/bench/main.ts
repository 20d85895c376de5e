/**
 * What the page costs, and how fast it is there: `pnpm bench:page [--items 1000000] [--calls-per-second 200] [--rounds 8] [--write]`;
 * `--write` puts the figures into docs/benchmarks/page.md.
 */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { openJournal } from "@sluice/journal"
import { type Browser, chromium, type CDPSession, type Page as Tab } from "playwright-core"
import { findBrowser } from "../../../scripts/testing/browser.ts"
import { isBusy, machineLine } from "../../lab/bench/machine.ts"
import { median } from "../../lab/bench/overhead/results.ts"
import { commandCpu, type CommandCpu, type More, warmUpCalls } from "./command-cpu.ts"
import type { Asked, Told } from "./measured-process.ts"
import { later } from "./shown-runs.ts"

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "1000000" },
    "calls-per-second": { type: "string", default: "200" },
    rounds: { type: "string", default: "8" },
    write: { type: "boolean", default: false },
  },
})
const items = Number(values.items)
const perSecond = Number(values["calls-per-second"])
const rounds = Number(values.rounds)
const measuredCalls = 2_000
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
  const command = await commandCpu(browser, { perSecond, rounds, measuredCalls })
  const told = await start("events")
  await told.end()
  const text = report({ ...million, ...paint, ...command, eventsUs: told.eventsUs ?? 0 })
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

interface Found extends CommandCpu {
  readonly serverMb: number
  readonly tabMb: number
  readonly loadedS: number
  readonly paintMs: number
  readonly contentMs: number
  readonly eventsUs: number
}

function report(found: Found): string {
  const line = (what: string, most: number, reached: number, unit: string, range?: More): string => {
    const spread = range ? ` (${range.from.toFixed(1)} to ${range.to.toFixed(1)})` : ""
    const isDoubtful = range && range.from <= most && most < range.to
    const verdict = isDoubtful ? "too busy to tell" : reached <= most ? "kept" : "missed"
    return `| ${what} | ${most} ${unit} | ${reached.toFixed(unit === "%" ? 1 : 0)} ${unit}${spread} | ${verdict} |`
  }
  const { idle, watched, callUs, eventsUs, inAll, peakMb } = found
  const at = `at ${perSecond} calls a second: processor time of \`sluice run\``
  return `# What the page costs

${machine}.

Written by \`pnpm bench:page --write\`: the page in a process of its own, looked at by Chromium without a screen. ${wasBusy ? "More was ready to run than there are cores, so what is a time is more than it would be on a quiet machine.\n" : ""}
| | at most | reached | |
|---|---:|---:|---|
${line("first paint, median of 9 new profiles", 300, found.paintMs, "ms")}
${line("first paint with the run in it", 300, found.contentMs, "ms")}
${line(`${items.toLocaleString("en")} items: what the server holds`, 150, found.serverMb, "MB")}
${line(`${items.toLocaleString("en")} items: what the tab's JavaScript holds`, 100, found.tabMb, "MB")}
${line(`at ${perSecond} calls a second: what the page does with their events, of the run's processor time`, 3, (eventsUs / callUs) * 100, "%")}
${line(`${at} more, with \`--ui\` and nobody who looks`, 3, idle.percent, "%", idle)}
${line(`${at} more, with \`--ui\` and a tab that looks`, 3, watched.percent, "%", watched)}

Memory is what is held after a collection: heap and buffers of the server's process over what it held before the page was opened; the heap of the tab. The
items came out of a journal (\`sluice inspect --ui\`), all of them ${found.loadedS.toFixed(0)} s after the page was opened, were scrolled through and sorted by latency.

Processor time is that of all threads of the command, from /proc, for each call over HTTP to a vendor in another process that answers after 200 ms: ${callUs.toFixed(0)} µs without
a page. In each of ${rounds} rounds three commands ran side by side, without a page, with one, and with one and a tab that shows the overview, and were measured from their
${warmUpCalls.toLocaleString("en")}th call to their ${(warmUpCalls + measuredCalls).toLocaleString("en")}th: what the machine does meanwhile meets all three, and as much is compiled in each. What is more is the median of the rounds, with the
middle half of them in brackets; of all rounds together it is ${inAll.idle.toFixed(1)} % and ${inAll.watched.toFixed(1)} %. What the page does with the events of a call takes ${eventsUs.toFixed(1)} µs.

Where it goes: the page's own code is the smaller part. The command gives its heap little room, so that a run takes little memory, and its collector looks through all
that is alive every second or so; with a page that is 35 MB in place of 29, of which the code of a web server and the steps of the last thousands of items are the most,
and took 12 % of a run's processor time. With \`--ui\` the heap may therefore grow by 60 % of what is alive before it is looked through, in place of 20 %: half as often.
That pays with memory for what the page costs in time: the process takes ${peakMb.idle.toFixed(0)} MB at most, ${peakMb.watched.toFixed(0)} MB with a tab that looks, and ${peakMb.plain.toFixed(0)} MB without a page (median of the
rounds, from source). A flow of one's own pays for making events too, where nobody else hears them: see
[telemetry's benchmark](../guides/opentelemetry.md). Without \`--ui\` nothing of the page is loaded or called.
`
}
