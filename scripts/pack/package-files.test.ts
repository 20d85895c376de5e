import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { checkFiles } from "./package-files.ts"
import type { Manifest } from "./pack-packages.ts"
import { run } from "./run.ts"

const good = {
  "package.json": JSON.stringify({
    name: "one",
    license: "MIT",
    engines: { node: ">=22" },
    dependencies: { two: "^1.0.0" },
  }),
  LICENSE: "MIT",
  "README.md": "# one\n\n```ts\nlog()\n```\n",
  "dist/index.js": "",
  "dist/index.d.ts": "",
  "dist/index.js.map": JSON.stringify({ sources: ["../src/index.ts"] }),
  "src/index.ts": "",
}

function check(files: Readonly<Record<string, string | undefined>>): void {
  const work = mkdtempSync(path.join(tmpdir(), "sluice-files-"))
  onTestFinished(() => rmSync(work, { recursive: true }))
  for (const [file, text] of Object.entries(files)) {
    if (text === undefined) continue
    const target = path.join(work, "package", file)
    mkdirSync(path.dirname(target), { recursive: true })
    writeFileSync(target, text)
  }
  const tarball = path.join(work, "one.tgz")
  run("tar", ["-czf", tarball, "package"], work)
  const manifest = { name: "one" } as Manifest
  checkFiles({ folder: work, manifest, tarball }, path.join(work, "opened"))
}

test("a package with its licence, README, code, maps and their sources is right", () => {
  expect(() => check(good)).not.toThrow()
})

test.each([
  ["a test", { "dist/index.test.js": "" }, "dist/index.test.js is of no use"],
  ["a build's state", { "dist/.tsbuildinfo": "" }, "dist/.tsbuildinfo is of no use"],
  ["a source that no map names", { "src/bench.ts": "" }, "src/bench.ts is of no use"],
  ["a map without its source", { "src/index.ts": undefined }, "a map names src/index.ts"],
  ["no licence", { LICENSE: undefined }, "LICENSE is missing"],
  ["a README without an example", { "README.md": "# one\n" }, "README.md shows no example"],
  [
    "a version that only the workspace knows",
    { "package.json": good["package.json"].replace("^1.0.0", "workspace:*") },
    "two is asked for as workspace:*",
  ],
])("%s is found", (_what, changes, message) => {
  expect(() => check({ ...good, ...changes })).toThrow(message)
})
