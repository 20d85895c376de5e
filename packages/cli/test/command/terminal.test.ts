import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { startVendor } from "@sluice/lab"
import xterm from "@xterm/headless"
import { expect, onTestFinished, test, vi } from "vitest"
import { ended, program, temporaryFolder } from "./sluice.ts"

vi.setConfig({ testTimeout: 60_000 })

const count = 40
const bridge = join(import.meta.dirname, "fixtures/in-terminal.py")

interface Seen {
  /** Everything that was written. */
  readonly raw: () => string
  /** What is on the screen of a terminal emulator. */
  readonly screen: () => Promise<string[]>
  readonly type: (text: string) => void
  readonly resize: (columns: number) => void
  readonly end: Promise<number | null>
}

/** Runs the command in a pseudo-terminal of the system, with a terminal emulator behind it. */
async function inTerminal(columns: number, env: Readonly<Record<string, string>> = {}, latencyMs = 40): Promise<Seen> {
  const vendor = await startVendor({ latency: { baseMs: latencyMs, perOutputTokenMs: 0 } })
  onTestFinished(() => vendor.stop())
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n'.repeat(count))
  const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl", "--concurrency", "2", "--rpm", "6000"]
  const command = [process.execPath, "--conditions=@sluice/source", program, ...args]
  const child = spawn("python3", [bridge, String(columns), ...command], {
    cwd: folder,
    env: { PATH: process.env["PATH"], TERM: "xterm-256color", ...env },
  })
  const emulator = new xterm.Terminal({ cols: columns, rows: 24, allowProposedApi: true })
  let raw = ""
  child.stdout.on("data", (data: Buffer) => {
    raw += data.toString()
    emulator.write(data)
  })
  return {
    raw: () => raw,
    async screen() {
      await new Promise<void>((done) => emulator.write("", done))
      const { active } = emulator.buffer
      const lines = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? "")
      return lines.filter((line) => line !== "")
    },
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
