import { execFileSync } from "node:child_process"
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { VirtualClock } from "@sluice/lab"
import { describe, expect, test, vi } from "vitest"
import { ended, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

/** A folder with an input and whatever a path may lead to that is no file of text. */
function oddPlace(): { folder: string; inputs: string; run: (args: string) => Promise<string> } {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder, name)
  const inputs = at("in.jsonl")
  writeFileSync(inputs, '{"text":"one"}\n')
  mkdirSync(at("folder"))
  symlinkSync("loop-b", at("loop-a"))
  symlinkSync("loop-a", at("loop-b"))
  execFileSync("mkfifo", [at("pipe")])
  writeFileSync(at("large"), Buffer.alloc(16 * 2 ** 20 + 1, "a"))
  writeFileSync(at("latin"), Buffer.from("caf\u00e9", "latin1"))
  const run = async (args: string): Promise<string> => {
    const clock = new VirtualClock()
    const done = sluice(
      args.split(" ").map((word) => word.replaceAll("$", folder)),
      { clock },
    )
    // A pipe is looked at again and again: five seconds of waiting for its writer.
    let isOver = false
    void done.finally(() => (isOver = true))
    while (!isOver) {
      await clock.advance(1_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { code, stderr } = await done
    return `${code}: ${stderr.replaceAll(folder, "$")}`
  }
  return { folder, inputs, run }
}

/** Whether a process has the file open. */
function hasOpen(pid: number, path: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`) === path
    } catch {
      return false
    }
  })
}

const more = "more than 16 MiB, which is all that is read."

describe("what is read whole before a run", () => {
  test.each([
    ["--prompt-file", "run $/in.jsonl -m noop: --prompt-file"],
    ["--system-file", "run $/in.jsonl -m noop: -p x --system-file"],
    ["--messages", "run $/in.jsonl -m noop: --messages"],
    ["--schema", "run $/in.jsonl -m noop: -p x --schema"],
    ["--options", "lab --options"],
  ])("%s: devices, pipes, folders, links in a circle, what is too large and what is no text", async (option, args) => {
    const { run } = oddPlace()
    const said = async (path: string): Promise<string> => run(`${args} ${path}`)
    expect(await said("/dev/zero")).toContain(`2: sluice: ${option} /dev/zero: ${more}`)
    expect(await said("$/large")).toContain(`2: sluice: ${option} $/large: ${more}`)
    expect(await said("$/pipe")).toContain(`2: sluice: ${option} $/pipe: a pipe into which nobody has written for 5 s.`)
    expect(await said("$/folder")).toMatch(/^2: sluice: .* \$\/folder: cannot be read \(EISDIR/)
    expect(await said("$/loop-a")).toMatch(/^2: sluice: .* \$\/loop-a: cannot be read \(ELOOP/)
    expect(await said("$/nope")).toMatch(/^2: sluice: .* \$\/nope: cannot be read \(ENOENT/)
    expect(await said("$/latin")).toContain(`2: sluice: ${option} $/latin: not a text in UTF-8.`)
  })

  test.runIf(process.platform === "linux")(
    "a pipe that somebody writes into is read to its end, whenever the words come",
    async () => {
      const { folder, inputs } = oddPlace()
      const child = startSluice(["run", inputs, "-m", "noop:", "--prompt-file", "pipe", "--show", "1"], folder)
      const done = ended(child)
      // For reading too, so that opening waits for nobody.
      const pipe = openSync(join(folder, "pipe"), "r+")
      writeSync(pipe, "Is it {{text}}")
      await new Promise((resolve) => setTimeout(resolve, 100))
      writeSync(pipe, " or not?")
      // What is in a pipe goes with the last who has it open.
      await vi.waitUntil(() => hasOpen(child.pid!, join(folder, "pipe")), 60_000)
      closeSync(pipe)
      expect(await done).toMatchObject({ code: 0, stdout: expect.stringContaining("Is it one or not?") })
    },
  )

  test("UTF-16 with its mark, as PowerShell writes it, and UTF-8 with one are read", async () => {
    const { folder, inputs } = oddPlace()
    for (const [name, bytes] of [
      ["a", Buffer.from("\uFEFFcaf\u00e9: {{text}}", "utf16le")],
      ["b", Buffer.from("\uFEFFcaf\u00e9: {{text}}")],
    ] as const) {
      writeFileSync(join(folder, name), bytes)
      const args = ["run", inputs, "-m", "noop:", "--prompt-file", join(folder, name), "--show", "1", "--json"]
      const { stdout } = await sluice(args)
      expect(stdout).toContain('"content":"caf\u00e9: one"')
    }
  })
})

describe("configurations and programs", () => {
  test.each([
    ["a device", (path: string) => symlinkSync("/dev/zero", path)],
    ["a pipe", (path: string) => execFileSync("mkfifo", [path])],
    ["a folder", (path: string) => mkdirSync(path)],
  ])("%s in place of one is refused and not waited for", async (kind, make) => {
    for (const name of ["sluice.config.ts", "sluice.config.js", "flow.ts"]) {
      const { folder, run } = oddPlace()
      make(join(folder, name))
      const args = name === "flow.ts" ? "graph $/flow.ts" : `run $/in.jsonl -p x --config $/${name}`
      expect(await run(args)).toBe(`2: sluice: $/${name} is ${kind}, not a file.\n`)
    }
  })

  test("sluice.config.json and .env are small texts", async () => {
    for (const name of ["sluice.config.json", ".env"]) {
      const { folder, run } = oddPlace()
      symlinkSync("/dev/zero", join(folder, name))
      if (name === ".env") writeFileSync(join(folder, "sluice.config.json"), "{}")
      expect(await run("run $/in.jsonl -p x -m noop: --config $/sluice.config.json")).toContain(`$/${name}: ${more}`)
    }
    const { folder, run } = oddPlace()
    symlinkSync("loop-a", join(folder, ".env"))
    writeFileSync(join(folder, "sluice.config.json"), "{}")
    expect(await run("run $/in.jsonl -p x -m noop: --config $/sluice.config.json")).toMatch(
      /^2: sluice: \$\/\.env: cannot be read \(ELOOP/,
    )
  })
})

describe("inputs", () => {
  test.each([
    ["a device", "/dev/zero", "/dev/zero is a device, not a file. Give - for standard input."],
    ["links in a circle", "$/loop-a", "$/loop-a: cannot be read (ELOOP"],
    ["a name that is too long", `$/${"x".repeat(300)}`, "cannot be read (ENAMETOOLONG"],
    ["below a file", "$/in.jsonl/a", "$/in.jsonl/a: no such file."],
  ])("%s is called what it is", async (_name, path, said) => {
    const { run } = oddPlace()
    const text = await run(`run ${path} -p x -m noop:`)
    expect(text).toMatch(/^2: sluice: /)
    expect(text).toContain(said)
  })

  test("a link that a glob meets leads to a file, or is named", async () => {
    for (const [target, said] of [
      ["/dev/zero", "leads to a device, not to a file."],
      ["pipe", "leads to a pipe, not to a file."],
      ["nowhere", "leads to nothing, not to a file."],
      ["loop-a", "cannot be read (ELOOP"],
    ] as const) {
      const { folder, run } = oddPlace()
      symlinkSync(target, join(folder, "a.link"))
      const text = await run("run $/*.link -p x -m noop: --follow-links")
      expect([target, text]).toEqual([target, expect.stringMatching(/^2: /)])
      expect([target, text]).toEqual([target, expect.stringMatching(/no file fits|leads to|ELOOP/)])
      if (!text.includes("no file fits")) expect(text).toContain(said)
    }
  })

  test("an --out that cannot be followed is a usage error", async () => {
    const { run } = oddPlace()
    expect(await run("run $/in.jsonl -p x -m noop: -o $/loop-a")).toMatch(/^2: sluice: .*ELOOP/)
    expect(await run(`run $/in.jsonl -p x -m noop: -o $/${"x".repeat(300)}`)).toMatch(/^2: sluice: .*ENAMETOOLONG/)
  })
})
