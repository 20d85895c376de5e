import { spawnSync } from "node:child_process"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"

const root = path.join(import.meta.dirname, "../..")

// Prints the packages of whatever is loaded. Whoever touches one of these names makes Node load all of undici.
const listener = `import { registerHooks } from "node:module"
const packages = new Set()
registerHooks({ load(url, context, next) {
  const [, own, other] = /\\/packages\\/([^/]+)\\/src\\/|.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? []
  if (own ?? other) packages.add(own ?? other)
  return next(url, context)
} })
for (const name of ["fetch", "Headers", "Request", "Response", "FormData", "WebSocket", "EventSource"]) {
  const get = () => { throw new Error(name + " is touched by an import") }
  Object.defineProperty(globalThis, name, { get, configurable: true })
}
// Each takes 13 ms of every start.
Intl.DateTimeFormat = class { constructor() { throw new Error("an import makes a format of dates") } }
process.on("exit", () => process.stdout.write(JSON.stringify([...packages].sort())))
`

test('import "sluice" loads no zod, no AI SDK, no HTTP client or server, no command line and no time zone: these packages and no others', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "sluice-graph-"))
  try {
    const hook = path.join(folder, "hook.mjs")
    writeFileSync(hook, listener)
    const flags = ["--conditions=@sluice/source", "--import", pathToFileURL(hook).href, "--input-type=module"]
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, "--eval", 'await import("sluice")'], {
      cwd: path.join(root, "packages/sluice/test"),
      encoding: "utf8",
    })
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toEqual([
      "core",
      "is-network-error",
      "journal",
      "p-limit",
      "p-retry",
      "providers",
      "scheduler",
      "sluice",
      "yocto-queue",
    ])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

// The lint does not follow `import()`.
test("no file of a package leads back to itself, by imports of types and of what is loaded late either", () => {
  const imported = /(?:\bfrom |^import |\bimport\()"(\.[^"]+)"/gm
  const leadsTo = new Map(
    globSync("packages/*/src/**/*.{ts,tsx}", { cwd: root }).map((file) => {
      const code = readFileSync(path.join(root, file), "utf8").replaceAll(/^ *(?:\*|\/\/).*$/gm, "")
      return [file, [...code.matchAll(imported)].map(([, to]) => path.join(path.dirname(file), to!))]
    }),
  )
  expect(leadsTo.get("packages/providers/src/limited-fetch.ts")).toContain("packages/providers/src/on-demand.ts")
  expect(circleIn(leadsTo)).toEqual([])
})

/** The files of a circle, if there is one. */
function circleIn(leadsTo: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>()
  const way: string[] = []
  const from = (file: string): string[] => {
    const at = way.indexOf(file)
    if (at !== -1) return way.slice(at)
    if (seen.has(file)) return []
    seen.add(file)
    way.push(file)
    for (const next of leadsTo.get(file) ?? []) {
      const circle = from(next)
      if (circle.length > 0) return circle
    }
    way.pop()
    return []
  }
  for (const file of leadsTo.keys()) {
    const circle = from(file)
    if (circle.length > 0) return circle
  }
  return []
}

test("a circle is found", () => {
  const leadsTo = new Map([
    ["a", ["b", "d"]],
    ["b", ["c"]],
    ["c", ["d"]],
    ["d", ["b"]],
  ])
  expect(circleIn(leadsTo)).toEqual(["b", "c", "d"])
  expect(circleIn(new Map([...leadsTo, ["d", []]]))).toEqual([])
})
