import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { openJournal } from "@sluice/journal"
import { startVendor } from "@sluice/lab"
import xterm from "@xterm/headless"
import { expect, onTestFinished, test, vi } from "vitest"
import { compiled, ended, program, sluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 60_000 })

const count = 40
const bridge = join(import.meta.dirname, "../fixtures/in-terminal.py")

interface Seen {
  /** Everything that was written. */
  readonly raw: () => string
  /** What is on the screen of a terminal emulator. */
  readonly screen: () => Promise<string[]>
  readonly type: (text: string) => void
  readonly resize: (columns: number) => void
  readonly end: Promise<number | null>
  /** Its results. */
  readonly out: string
  /** Calls that the vendor got. */
  readonly calls: () => number
  /** What was done to the run by hand. */
  /** What the display showed at last, as the journal has it. */
  readonly frame: () => Promise<unknown>
  readonly journal: () => Promise<{ action: string; by: string; at: string; changes?: Record<string, number> }[]>
}

/** Runs the command in a pseudo-terminal of the system, with a terminal emulator behind it. */
async function inTerminal(
  columns: number,
  env: Readonly<Record<string, string>> = {},
  latencyMs = 40,
  shell?: string,
): Promise<Seen> {
  const vendor = await startVendor({ latency: { baseMs: latencyMs, perOutputTokenMs: 0 } })
  onTestFinished(() => vendor.stop())
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n'.repeat(count))
  const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl", "--concurrency", "2", "--rpm", "6000"]
  const command = [process.execPath, "--conditions=@sluice/source", program, ...args]
  const within = shell === undefined ? command : ["bash", "-c", shell, "bash", ...command]
  const child = spawn("python3", [bridge, String(columns), ...within], {
    cwd: folder,
    env: { ...compiled, PATH: process.env["PATH"], TERM: "xterm-256color", ...env },
  })
  const note = async (name: string): Promise<unknown> => {
    const opened = openJournal({ path: join(folder, "out.jsonl.journal"), readOnly: true })
    const found = opened.note(opened.runs()[0]!.runId, name)
    await opened.close()
    return found
  }
  const emulator = new xterm.Terminal({ cols: columns, rows: 24, allowProposedApi: true })
  let raw = ""
  child.stdout.on("data", (data: Buffer) => {
    raw += data.toString()
    emulator.write(data)
  })
  return {
    raw: () => raw,
    out: join(folder, "out.jsonl"),
    async screen() {
      await new Promise<void>((done) => emulator.write("", done))
      const { active } = emulator.buffer
      const lines = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? "")
      return lines.filter((line) => line !== "")
    },
    calls: () => vendor.stats().arrived,
    journal: async () => (await note("control")) as Awaited<ReturnType<Seen["journal"]>>,
    frame: async () => ((await note("display")) as { readonly state: unknown }).state,
    type: (text) => child.stdin.write(`${text}\n`),
    resize(to) {
      emulator.resize(to, 24)
      child.stdin.write(`${to}\n`)
    },
    end: ended(child).then(({ code }) => code),
  }
}

const bar = /█+░* {2}\d+\/40 items done {2}\d+%/

test("in a pseudo-terminal: one live frame, redrawn in place, with bar, rate against the quota and colours; then the summary", async () => {
  const { raw, screen, end } = await inTerminal(100)
  await vi.waitUntil(() => bar.test(stripVTControlCharacters(raw())), { timeout: 20_000 })
  expect(await end).toBe(0)
  const lines = await screen()
  expect(lines.filter((line) => line.startsWith("out.jsonl with openai-compatible:x"))).toHaveLength(1)
  expect(lines.filter((line) => bar.test(line))).toEqual([expect.stringContaining("40/40 items done  100%")])
  expect(lines.some((line) => /^requests +[\d.k]+\/min of 6\.0k/.test(line))).toBe(true)
  expect(lines.at(-1)).toBe("Done. 40 ok, 0 failed. Results: out.jsonl.")
  // Colours, and lines that are erased: a frame is drawn over the one before.
  expect(raw()).toContain("\u001B[32m")
  expect(raw()).toContain("\u001B[2K")
})

test("a narrow terminal: no line is longer than it is wide, and a resize in the middle of the run is followed", async () => {
  const { raw, resize, screen, end } = await inTerminal(30)
  const widths = (text: string): number[] =>
    stripVTControlCharacters(text)
      .split(/\r?\n/)
      .map((line) => line.length)
  await vi.waitUntil(() => raw().includes("/40"), { timeout: 20_000 })
  expect(Math.max(...widths(raw()))).toBeLessThanOrEqual(30)
  const narrow = raw().length
  resize(90)
  await vi.waitUntil(() => Math.max(...widths(raw().slice(narrow))) > 30, { timeout: 20_000 })
  expect(await end).toBe(0)
  expect((await screen()).some((line) => bar.test(line))).toBe(true)
})

test("NO_COLOR: no colour, but in place all the same", async () => {
  const { raw, end } = await inTerminal(80, { NO_COLOR: "1" })
  expect(await end).toBe(0)
  expect(raw()).toContain("\u001B[2K")
  // oxlint-disable-next-line no-control-regex
  expect(raw()).not.toMatch(/\u001B\[(?:1|2|3\d|9\d)m/)
})

test("Ctrl-C on the keyboard drains, says so above the frame, and exits with 130", async () => {
  const { raw, type, screen, end } = await inTerminal(100)
  await vi.waitUntil(() => bar.test(stripVTControlCharacters(raw())), { timeout: 20_000 })
  type("^C")
  expect(await end).toBe(130)
  const lines = await screen()
  expect(lines).toContain("Finishing what is in flight. Ctrl-C again stops now.")
  expect(lines.at(-1)).toMatch(/^Interrupted\. \d+ ok, 0 failed\. .*The same command goes on from here\.$/)
})

test("the window's title and, where the terminal has one, its progress bar follow the run and are given back", async () => {
  const { raw, end } = await inTerminal(100, { TERM_PROGRAM: "WezTerm" })
  expect(await end).toBe(0)
  expect(raw()).toContain("\u001B]0;100% out.jsonl with openai-compatible:x\u001B\\")
  expect(raw()).toContain("\u001B]9;4;1;100\u001B\\")
  expect(raw().lastIndexOf("\u001B]9;4;0;0\u001B\\")).toBeGreaterThan(raw().lastIndexOf("\u001B]9;4;1;"))
  expect(raw().lastIndexOf("\u001B[23;0t")).toBeGreaterThan(raw().lastIndexOf("% out.jsonl"))
})

test("keys: p pauses and goes on, + and - change how many calls there are at once, q drains; each is noted with who and when", async () => {
  const { raw, type, screen, end, journal } = await inTerminal(100, {}, 400)
  const shows = (text: string | RegExp): Promise<unknown> =>
    vi.waitUntil(async () => (await screen()).some((line) => line.match(text) !== null), { timeout: 20_000 })
  await shows(/^keys: p pause · \+ - 2 calls at once · q finish what is in flight$/)
  await vi.waitUntil(() => bar.test(stripVTControlCharacters(raw())), { timeout: 20_000 })
  type("p")
  await shows(/^paused by .*, terminal$/)
  await shows(/^keys: p resume/)
  type("+")
  await shows(/^keys: p resume · \+ - 3 calls at once/)
  await shows(/^! concurrency 3 \(.*, terminal\)$/)
  type("-")
  type("-")
  await shows(/\+ - 1 calls? at once/)
  type("p")
  await shows(/^keys: p pause/)
  type("q")
  expect(await end).toBe(130)
  const lines = await screen()
  expect(lines.filter((line) => line.startsWith("keys:"))).toEqual([])
  expect(lines.at(-1)).toMatch(/^Interrupted\. \d+ ok, 0 failed\. .*The same command goes on from here\.$/)
  const notes = await journal()
  expect(notes.map(({ action, changes }) => [action, changes?.["concurrency"]])).toEqual([
    ["pause", undefined],
    ["update", 3],
    ["update", 2],
    ["update", 1],
    ["resume", undefined],
    ["drain", undefined],
  ])
  for (const { by, at } of notes) {
    expect(by).toMatch(/^\S+, terminal$/)
    expect(at).toMatch(/^\d{4}-\d\d-\d\dT/)
  }
})

/** Wherever the run is seen from. */
async function sayPaused(out: string, env: Record<string, string>): Promise<void> {
  const paused = /paused by \S+, terminal at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/
  const says = (args: readonly string[]): Promise<unknown> =>
    vi.waitUntil(async () => paused.test((await sluice(args, { env })).stdout), { timeout: 20_000, interval: 200 })
  await says(["ps"])
  await says(["inspect", out])
  const interrupts = new Set<() => void>()
  const attached = sluice(["attach", out], { env, interrupts })
  await vi.waitUntil(() => interrupts.size > 0)
  for (const interrupt of interrupts) interrupt()
  expect((await attached).stdout).toMatch(paused)
}

test("a paused run sends no call until p is pressed again, and Ctrl-C ends it all the same", async () => {
  const env = { XDG_RUNTIME_DIR: temporaryFolder() }
  const { type, screen, end, calls, out, journal, frame } = await inTerminal(100, env)
  const shows = (text: RegExp): Promise<unknown> =>
    vi.waitUntil(async () => (await screen()).some((line) => text.test(line)), { timeout: 20_000 })
  await shows(/^keys:/)
  await shows(/ [1-9]\d*\/40 items done/)
  type("p")
  await shows(/^paused by/)
  await shows(/ 0 calls in flight/)
  await sayPaused(out, env)
  const before = calls()
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(calls()).toBe(before)
  type("^C")
  expect(await end).toBe(130)
  // Nobody is told any more that it is paused.
  expect((await journal()).map(({ action }) => action)).toEqual(["pause", "drain"])
  expect(await frame()).not.toHaveProperty("pausedBy")
})

test("in the background it leaves the keyboard to the shell: it is not stopped for touching it", async () => {
  const { screen, end } = await inTerminal(100, {}, 40, 'set -m; "$@" & wait $!')
  expect(await end).toBe(0)
  expect(await screen()).toContain("Done. 40 ok, 0 failed. Results: out.jsonl.")
})

test("Ctrl-Z stops it, and in front again the keys are its own again", async () => {
  const { raw, screen, type, end } = await inTerminal(100, {}, 400, 'set -m; "$@"; echo stopped; fg')
  const shows = (text: RegExp): Promise<unknown> =>
    vi.waitUntil(async () => (await screen()).some((line) => text.test(line)), { timeout: 20_000 })
  await shows(/^keys: p pause/)
  type("^Z")
  await vi.waitUntil(() => raw().includes("stopped"), { timeout: 20_000 })
  type("p")
  await shows(/^paused by/)
  type("q")
  expect(await end).toBe(130)
})
