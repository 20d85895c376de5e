/**
 * How far the lab can be trusted: what plans are off by, what its server can take, and how fast virtual time passes.
 * Writes docs/benchmarks/lab.md; takes about three minutes.
 *
 *   pnpm bench:lab [--only=plan,server,time] [--out=folder]
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { isBusy, machineLine } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { planAgainstRun } from "./plan-against-run.ts"
import type { Section } from "./section.ts"
import { serverThroughput } from "./server-throughput.ts"
import { virtualTime } from "./virtual-time.ts"

const parts: Readonly<Record<string, () => Promise<Section>>> = {
  time: virtualTime,
  server: serverThroughput,
  plan: planAgainstRun,
}

const { values } = parseArgs({ options: { only: { type: "string" }, out: { type: "string" } } })
const names = values.only?.split(",") ?? Object.keys(parts)
const [unknown] = names.filter((name) => !(name in parts))
if (unknown !== undefined) throw new TypeError(`--only=${unknown}: known are ${Object.keys(parts).join(", ")}`)

const head = `${machineLine()}.${isBusy() ? " **The machine was busy with other work: run it again.**" : ""}`
const sections: Section[] = []
for (const name of names) {
  const section = await parts[name]?.()
  if (!section) continue
  sections.push(section)
  process.stdout.write(`${[`## ${section.title}`, "", ...section.text, "", ...section.missed].join("\n")}\n`)
}
const missed = sections.flatMap((section) => section.missed)
const command = ["pnpm bench:lab", ...(values.only ? [`--only=${values.only}`] : [])].join(" ")
const text = [
  "# How far the lab can be trusted",
  "",
  head,
  "",
  `Written by \`${command}\`.`,
  "",
  "## Where it misses its targets",
  "",
  ...(missed.length > 0 ? missed.map((what) => `- ${what}`) : ["Nowhere in this run."]),
  "",
  ...sections.flatMap((section) => [`## ${section.title}`, "", ...section.text, ""]),
]
const folder = reportFolder(values.out)
mkdirSync(folder, { recursive: true })
writeFileSync(path.join(folder, "lab.md"), `${text.join("\n").trimEnd()}\n`)
