import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { afterAll, beforeAll, expect, it } from "vitest"

const main = join(import.meta.dirname, "../../../examples/summarise-docs/main.ts")
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-demo-run-"))
  await mkdir(join(folder, "docs"))
  const chapter = (topic: string): string =>
    `## ${topic}\n\n${`All about ${topic}. Nobody knows ${topic} well. `.repeat(60)}\n\n`
  await writeFile(join(folder, "docs/long.md"), ["rivers", "queues", "bread", "tides"].map(chapter).join(""))
  for (const name of ["a", "b", "c"])
    await writeFile(join(folder, `docs/${name}.md`), `Text ${name} is short. It says little.\n`)
  await writeFile(join(folder, "docs/empty.md"), "\n")
})
afterAll(() => rm(folder, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function demo(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  whenHeard?: (text: string, pid: number) => void,
): Promise<Ended> {
  // Keys of whoever runs the tests must not be used.
  const { OPENAI_API_KEY: _1, ANTHROPIC_API_KEY: _2, GEMINI_API_KEY: _3, ...clean } = process.env
  const child = spawn(process.execPath, ["--conditions=@sluice/source", main, ...args], {
    cwd: folder,
    env: { ...clean, ...env },
  })
  const heard = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      heard[name] += text
      whenHeard?.(heard[name], child.pid!)
    })
  }
  const [code] = (await once(child, "close")) as [number | null]
  return { code, ...heard }
}

async function resultsIn(out: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(join(folder, out, "results.jsonl"), "utf8")).trimEnd().split("\n")
  const results = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return results.toSorted((a, b) => String(a["file"]).localeCompare(String(b["file"])))
}

it("gives every document one result or one reason, a report and totals", async () => {
  const { code, stdout, stderr } = await demo([
    "docs",
    "gone.md",
    "--rpm",
    "100000",
    "--tpm",
    "100000000",
    "--out",
    "out",
  ])
  expect(stderr).toContain("docs/empty.md: skipped, empty")
  expect(stdout).toContain("4 summarised, 2 skipped, 0 failed, 0 not reached")
  expect(stdout).toContain("0 by the vendor's own count of 6 calls")
  expect(stdout).toContain("No LLM was used")
  expect(code).toBe(0)
  const results = await resultsIn("out")
  expect(results.map(({ file, status, reason, parts }) => [file, status, reason, parts])).toEqual([
    ["docs/a.md", "ok", undefined, 1],
    ["docs/b.md", "ok", undefined, 1],
    ["docs/c.md", "ok", undefined, 1],
    ["docs/empty.md", "skipped", "empty", undefined],
    ["docs/long.md", "ok", undefined, 2],
    ["gone.md", "skipped", "unreadable: ENOENT", undefined],
  ])
  const report = await readFile(join(folder, "out/report.md"), "utf8")
  expect(report).toContain("# 4 of 6 documents, summarised with lab-extractive")
  for (const { file } of results) expect(report).toContain(String(file))
}, 60_000)

it("prints results as JSON lines when asked to, and nothing else on standard output", async () => {
  const { code, stdout } = await demo([
    "docs/a.md",
    "docs/empty.md",
    "--json-lines",
    "--out",
    "lines",
    "--rpm",
    "100000",
  ])
  expect(code).toBe(0)
  const results = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown)
  expect(results).toEqual(expect.arrayContaining(await resultsIn("lines")))
  expect(results).toHaveLength(2)
}, 60_000)

it("stops at Ctrl-C, keeps what is done and names what is not", async () => {
  let signalled = false
  const interrupt = (text: string, pid: number): void => {
    // Two calls stand ready, then six a minute: the run does not end by itself meanwhile.
    if (signalled || !text.includes('"status":"ok"')) return
    signalled = true
    process.kill(pid, "SIGINT")
  }
  const args = ["docs", "--rpm", "6", "--json-lines", "--out", "stopped"]
  const { code, stderr } = await demo(args, {}, interrupt)
  expect(code).toBe(130)
  expect(stderr).toMatch(/stopped by Ctrl-C: \d of 5 documents had ended/)
  const results = await resultsIn("stopped")
  expect(results.map(({ file }) => file)).toEqual(["a", "b", "c", "empty", "long"].map((name) => `docs/${name}.md`))
  expect(results.map(({ status }) => status)).toContain("stopped")
  expect(results.map(({ status }) => status)).not.toContain("failed")
}, 60_000)

it("gives up after one call when the vendor refuses the key", async () => {
  const vendor = await startVendor({ apiKeys: ["good"] })
  const { code, stderr } = await demo(["docs", "--base-url", `${vendor.url}/v1`, "--model", "m"], {
    OPENAI_API_KEY: "bad",
  })
  expect(stderr).toMatch(/^error: the vendor refused the key \(HTTP 401\): .+\n$/)
  expect(code).toBe(2)
  expect(vendor.stats().arrived).toBe(1)
  await vendor.stop()
}, 60_000)

it.each([
  { args: ["--nope"], line: /unknown option '--nope'/ },
  { args: ["--rpm", "0"], line: /--rpm.*got 0/ },
  { args: ["gone/"], line: /cannot read the folder gone\// },
  { args: ["docs/*.txt"], line: /no document matches/ },
  { args: ["docs", "--base-url", "http://127.0.0.1:1"], line: /--base-url needs --model/ },
  { args: ["docs/a.md", "--out", "docs/a.md/out"], line: /cannot write to the folder/ },
])(
  "$args is one clear line and exit code 2",
  async ({ args, line }) => {
    const { code, stdout, stderr } = await demo(args)
    expect(stderr).toMatch(line)
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stdout).toBe("")
    expect(code).toBe(2)
  },
  60_000,
)
