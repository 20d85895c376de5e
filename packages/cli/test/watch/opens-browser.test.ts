import { spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { compiled, ended, program, sluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 120_000 })

const timeout = 60_000
const bridge = join(import.meta.dirname, "../fixtures/in-terminal.py")

interface Ran {
  readonly said: () => string
  readonly code: Promise<number | null>
  /** The address that the system was asked to open, if it was. */
  readonly opened: () => string | undefined
}

/** `sluice` in a pseudo-terminal, or without one, on a system whose opener writes down what it is to open. */
function run(folder: string, args: readonly string[], { screen = true, terminal = true } = {}): Ran {
  const asked = join(folder, "opened.txt")
  // As Linux and macOS call it. What is there is whole.
  const opener = `#!/bin/sh\nprintf %s "$1" > "${asked}.part" && mv "${asked}.part" "${asked}"\n`
  for (const name of ["xdg-open", "open"]) writeFileSync(join(folder, name), opener, { mode: 0o755 })
  const command = [process.execPath, "--conditions=@sluice/source", program, ...args]
  const [first = "", ...rest] = terminal ? ["python3", bridge, "300", ...command] : command
  const child = spawn(first, rest, {
    cwd: folder,
    env: {
      ...compiled,
      PATH: `${folder}:${process.env["PATH"]}`,
      TERM: "xterm-256color",
      ...(screen && { DISPLAY: ":0" }),
    },
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()))
  return {
    said: () => said,
    code: ended(child).then(({ code }) => code),
    opened: () => (existsSync(asked) ? readFileSync(asked, "utf8") : undefined),
  }
}

const question = ["run", "in.jsonl", "-p", "{{text}}", "-m", "noop:", "-o", "out.jsonl"]

function folderWithInput(): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"one"}\n{"text":"two"}\n')
  return folder
}

test("--ui opens the page in a browser: the address that was printed, with its token, of a run and of results", async () => {
  const folder = folderWithInput()
  const asked = run(folder, [...question, "--ui"])
  const url = await vi.waitUntil(asked.opened, { timeout })
  await expect.poll(asked.said, { timeout }).toContain(url)
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{16,}$/)

  const other = folderWithInput()
  const { code } = await sluice(question.map((each) => (each.endsWith(".jsonl") ? join(other, each) : each)))
  expect(code).toBe(0)
  const looked = run(other, ["inspect", "out.jsonl", "--ui"])
  const address = await vi.waitUntil(looked.opened, { timeout })
  await expect.poll(looked.said, { timeout }).toContain(address)
  // Results stay to be looked at: it is this page that is there.
  const page = await (await fetch(address)).text()
  expect(page).toContain("out.jsonl")
})

test.for([
  ["a port only serves", [...question, "--ui", "0"], {}],
  // Elsewhere there always is one.
  ...(process.platform === "linux"
    ? ([["without a screen nothing opens", [...question, "--ui"], { screen: false }]] as const)
    : []),
  ["without a terminal nothing opens", [...question, "--ui"], { terminal: false }],
] as const)("%s", async ([, args, where]) => {
  const asked = run(folderWithInput(), args, where)
  expect(await asked.code).toBe(0)
  expect(asked.said()).toContain("Page: http://127.0.0.1:")
  expect(asked.opened()).toBeUndefined()
})
