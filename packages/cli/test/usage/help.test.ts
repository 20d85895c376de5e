import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { systemClock } from "@sluice/scheduler"
import { expect, test, vi } from "vitest"
import { createProgram } from "../../src/create-program.ts"
import { optionsOf } from "../../src/help/help-command.ts"
import { helpPages } from "../../src/help/help-pages.ts"
import { compiled, fastProgram, sluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 120_000 })

test("help lists the pages, a page has its examples and options, a command its own help", async () => {
  const { code, stdout } = await sluice(["help"])
  expect(code).toBe(0)
  for (const { name, about } of helpPages) expect(stdout).toMatch(new RegExp(`^ {2}${name} +${about}$`, "m"))
  const page = await sluice(["help", "batches"])
  expect(page.stdout).toContain("  # by the vendor's batch API\n  sluice run reviews.csv")
  expect(page.stdout).toContain("  --lane <lane>\n")
  expect(Math.max(...page.stdout.split("\n").map((line) => line.length))).toBeLessThan(120)
  expect((await sluice(["help", "diff"])).stdout).toContain("Usage: sluice diff")
  const wrong = await sluice(["help", "nope"])
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining('no page or command "nope". Pages: start, inputs,'),
  ])
  expect((await sluice(["--help"])).stdout).toContain("Pages by task, each with examples: sluice help")
  for (const page of [
    ["run", "--help"],
    ["help", "watch"],
  ]) {
    const text = (await sluice(page)).stdout.replaceAll("\n", " ")
    expect(text).toContain(
      "p pauses and goes on, + and - change how many calls there are at once, q finishes what is in flight.",
    )
  }
})

test("every option of a run is on a page", () => {
  const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough() }
  const terminal = { ...streams, env: {}, clock: systemClock, onInterrupt: () => () => {} }
  const program = createProgram(terminal, () => {})
  const shown = new Set(helpPages.flatMap((page) => optionsOf(program, page).map(({ long }) => long)))
  const run = program.commands.find((command) => command.name() === "run")!
  expect(run.options.map(({ long }) => long).filter((long) => !shown.has(long))).toEqual([])
  for (const name of helpPages.flatMap(({ options }) => options))
    expect(run.options.map(({ long }) => long)).toContain(name)
})

/** What the examples are about, and the command on a clock that is a hundred times as fast. */
function place(): { readonly folder: string; readonly path: string } {
  const folder = temporaryFolder()
  const path = join(folder, "bin")
  mkdirSync(path)
  const command = join(path, "sluice")
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" --conditions=@sluice/source "${fastProgram}" "$@"\n`)
  chmodSync(command, 0o755)
  const files = {
    "reviews.csv":
      "id,lang,title,text\n1,en,Good,I liked it.\n2,de,,Es war gut.\n3,de,Mager,Es ging so.\n4,en,,Never again!\n",
    "chats.jsonl":
      '{"messages":[{"role":"user","content":"Hello"}]}\n{"messages":[{"role":"user","content":"How are you?"}]}\n',
    "schema.json": '{"type":"object","properties":{"kind":{"type":"boolean"}}}',
    "short.txt": "Is this kind? {{text}}",
    "long.txt": "Answer with yes or no. Is this kind?\n\n{{text}}",
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return { folder, path }
}

// The prompt files of one example are the inputs of another, which has no field of theirs: each page has a folder of its own.
test.skipIf(process.platform === "win32").each(helpPages)(
  "the examples of `sluice help $name` run as they stand",
  (page) => {
    const { folder, path } = place()
    for (const { command } of page.examples) {
      const env = { ...compiled, PATH: `${path}:${process.env["PATH"]}`, TMPDIR: folder, HOME: folder }
      const { status, stderr } = spawnSync("sh", ["-c", command], {
        cwd: folder,
        env,
        encoding: "utf8",
        timeout: 100_000,
      })
      expect([command, status, stderr.includes("sluice: ")]).toEqual([command, 0, false])
    }
  },
)

test.each([
  ["run in.jsonl --output x", "(Did you mean --out?)"],
  ["run in.jsonl --budget 5", "(Did you mean --budget-usd?)"],
  ["run in.jsonl --max-tokens=5", "(Did you mean --max-output-tokens?)"],
  ["run in.jsonl --seed-model 5", "(Did you mean --model-seed?)"],
  ["run in.jsonl --json-schema x", "(Did you mean one of --schema, --json?)"],
  ["run in.jsonl --temp 0", "(Did you mean --temperature?)"],
  ["run in.jsonl --concurency 5", "(Did you mean --concurrency?)"],
  ["run in.jsonl --filter a=b", "(Did you mean --where?)"],
  ["run in.jsonl --api-key sk", "(Keys come from the environment"],
  ["run in.jsonl --resume", "(A run goes on when its"],
  ["plan in.jsonl --retry", "(Did you mean --retry-failed?)"],
  ["inspect x --fail", "(Did you mean --failed?)"],
  ["rnu in.jsonl", "(Did you mean run?)"],
  ["status", "(`sluice ps` shows what runs"],
])("sluice %s: %s", async (args, hint) => {
  const { code, stderr } = await sluice(args.split(" "))
  expect([code, stderr.split("\n")]).toEqual([
    2,
    [expect.stringMatching(/^sluice: unknown/), expect.stringContaining(hint), ""],
  ])
})

test.each(["--retries", "--batches", "--stream", "--verbose", "--qqqqqqq"])(
  "sluice run %s: rather no suggestion than one that means something else",
  async (option) => {
    expect((await sluice(["run", "in.jsonl", option])).stderr).toBe(`sluice: unknown option '${option}'\n`)
  },
)
