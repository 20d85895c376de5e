import { spawnSync } from "node:child_process"
import path from "node:path"
import { expect, test } from "vitest"
import { exampleNames } from "./example-names.ts"

const root = path.join(import.meta.dirname, "../..")

test.each([
  { args: ["no-such-example"], says: 'There is no example "no-such-example".' },
  { args: ["../examples"], says: 'There is no example "../examples".' },
  { args: [], says: "Which example?" },
])("pnpm example $args lists the names and exits with 2", ({ args, says }) => {
  const run = spawnSync(process.execPath, [path.join(root, "scripts/examples/example.ts"), ...args], {
    encoding: "utf8",
  })
  expect(run.status).toBe(2)
  expect(run.stdout).toBe("")
  expect(run.stderr.split("\n")[0]).toContain(says)
  expect(run.stderr.trim().split("\n").slice(1)).toEqual(exampleNames(root).map((name) => `  ${name}`))
})
