/**
 * Mixed traffic for a long time through one `limitedFetch`: real minutes over HTTP, and hours under the virtual clock. Whole answers,
 * streams read, dropped and left unread, aborts, faults, an outage, keys that come and go. Heap, timers, sockets and permits are
 * looked at all the time; writes docs/benchmarks/soak.md.
 *
 *   pnpm soak [--minutes=10] [--hours=8] [--out=folder]      0 leaves that part out
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { machineLine } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { realSoak } from "./real-soak.ts"
import type { Sample } from "./sample.ts"
import { type SoakResult, virtualSoak } from "./virtual-soak.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    hours: { type: "string", default: "8" },
    out: { type: "string" },
  },
})
const [minutes, hours] = [Number(values.minutes), Number(values.hours)]
const head = machineLine()
const sections: string[] = []
if (hours > 0) sections.push(sectionOf(`${hours} virtual hours`, await virtualSoak(hours)))
if (minutes > 0) sections.push(sectionOf(`${minutes} real minutes over HTTP`, await realSoak(minutes)))

const text = `# A soak

${head}.

Written by \`pnpm soak --minutes=${minutes} --hours=${hours}\`: mixed traffic through one \`limitedFetch\` for a long time. Workers with think
time and bursts of 20 ask for whole answers (60 %) and streams (40 %: most are read, some dropped after their first event, some never read);
an eighth of the calls is aborted within three seconds; the vendor errs, tears connections down, hangs, and is gone once for a while; with every
burst a new key comes and the one before it goes. The heap is measured after a collection; what is compared is the middle of the first third
with that of the last.

${sections.join("\n")}`
const folder = reportFolder(values.out)
mkdirSync(folder, { recursive: true })
writeFileSync(path.join(folder, "soak.md"), text)
process.stdout.write(text)

function sectionOf(title: string, { samples, end, counts, seconds }: SoakResult): string {
  const third = Math.floor(samples.length / 3)
  const rows: [string, (sample: Sample) => number, number][] = [
    ["heap, MiB", ({ heapMiB }) => heapMiB, 1],
    ["calls in flight", ({ inFlight }) => inFlight, 0],
    ["calls waiting", ({ waiting }) => waiting, 0],
    ["timers", ({ timers }) => timers, 0],
    ["listeners on a signal that lives on", ({ listeners }) => listeners, 0],
    ["sockets", ({ sockets }) => sockets, 0],
  ]
  const lines = rows.map(([name, of, digits]) => {
    const figures = [
      median(samples.slice(0, third).map(of)),
      median(samples.slice(-third).map(of)),
      Math.max(...samples.map(of)),
      of(end),
    ]
    return `| ${[name, ...figures.map((value) => value.toFixed(digits))].join(" | ")} |`
  })
  const heap = (of: readonly Sample[]): number => median(of.map(({ heapMiB }) => heapMiB))
  const grown = (heap(samples.slice(-third)) - heap(samples.slice(0, third))) * 2 ** 20
  const { calls, answered, streamed, dropped, unread, aborted, refused, lost, keys } = counts
  return `## ${title}

${calls.toLocaleString("en")} calls under ${keys} keys in ${seconds.toFixed(0)} s: ${answered} whole answers, ${streamed} streams read, ${dropped} dropped, ${unread} never read, ${aborted} aborted, ${refused} ended in the vendor's error, ${lost} in one of ours.

| | first third | last third | most | when all had ended |
|---|---:|---:|---:|---:|
${lines.join("\n")}

The heap grew by ${Math.round(grown / 1024)} KiB between the two thirds: ${((grown / calls) * 1.5).toFixed(0)} bytes a call, ${((grown / keys / 1024) * 1.5).toFixed(1)} KiB a key.
`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
