import { spawn } from "node:child_process"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { compiled, ended, linesOf, program, temporaryFolder } from "../command/sluice.ts"

const guide = readFileSync(join(import.meta.dirname, "../../../../docs/guides/50000-prompts-overnight.md"), "utf8")
const commands = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => (block ?? "").trim().split("\n"))

test("every command of the guide works as it is written", async () => {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, "sluice"),
    `#!/bin/sh\nexec "${process.execPath}" --conditions=@sluice/source "${program}" "$@"\n`,
  )
  chmodSync(join(folder, "sluice"), 0o755)
  const env = { ...compiled, PATH: `${folder}:${process.env["PATH"] ?? ""}` }
  expect(commands.length).toBeGreaterThan(6)
  for (const command of commands) {
    const { code, stderr } = await ended(spawn("sh", ["-c", command], { cwd: folder, env }))
    expect([command, code, code === 0 ? "" : stderr]).toEqual([command, 0, ""])
  }
  const results = linesOf(join(folder, "results.jsonl"))
  expect(results).toHaveLength(200)
  expect(results[199]).toMatchObject({
    index: 199,
    input: { id: 199 },
    output: expect.stringContaining("parcel") as string,
  })
  expect(readFileSync(join(folder, "results.csv"), "utf8").match(/Ticket/g)?.length).toBeGreaterThanOrEqual(200)
}, 180_000)
