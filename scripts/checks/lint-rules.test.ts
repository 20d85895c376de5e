import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

// Who may import whom, as docs/ARCHITECTURE.md draws it.
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  scheduler: ["core"],
  providers: ["core", "scheduler"],
  journal: ["core", "scheduler"],
  lab: ["core", "scheduler"],
  pocketflow: ["core", "scheduler"],
  otel: ["core"],
  page: ["core", "scheduler", "journal"],
  redis: ["core", "scheduler"],
  bullmq: ["core", "scheduler"],
  cli: ["core", "scheduler", "providers", "journal", "lab", "page", "redis", "bullmq"],
  sluice: ["core", "scheduler", "providers", "journal", "pocketflow"],
}
const packages = Object.keys(mayImport)

interface Diagnostic {
  readonly filename: string
  readonly code: string
  readonly labels: readonly { readonly span: { readonly line: number } }[]
}

// The fixtures break every rule on purpose; the real configuration must say so. A copy outside the
// repository keeps them out of the normal run and under the paths that the configuration speaks of.
const root = path.join(import.meta.dirname, "../..")
const folder = mkdtempSync(path.join(tmpdir(), "sluice-lint-"))
let reports: readonly string[] = []

beforeAll(() => {
  cpSync(path.join(root, "scripts/checks/lint-fixtures"), folder, { recursive: true })
  cpSync(path.join(root, ".oxlintrc.json"), path.join(folder, ".oxlintrc.json"))
  for (const from of packages) {
    const src = path.join(folder, "packages", from, "src")
    mkdirSync(src, { recursive: true })
    for (const to of packages) writeFileSync(path.join(src, `imports-${to}.ts`), `export * from "${nameOf(to)}"\n`)
    writeFileSync(path.join(src, "reaches-in.ts"), `export * from "../../core/src/errors.ts"\n`)
  }
  reports = lint()
}, 30_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function nameOf(name: string): string {
  return name === "sluice" ? name : `@sluice/${name}`
}

/** Every report as `file:line rule`, paths from `packages/`. */
function lint(): string[] {
  const bin = path.join(root, "node_modules/.bin")
  const oxlint = spawnSync(path.join(bin, "oxlint"), ["--format=json", "."], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, OXLINT_TSGOLINT_PATH: path.join(bin, "tsgolint") },
    timeout: 25_000,
  })
  const { diagnostics } = JSON.parse(oxlint.stdout) as { diagnostics: readonly Diagnostic[] }
  return diagnostics.map(({ filename, code, labels }) => {
    const file = path.relative("packages", filename)
    return `${file}:${labels[0]?.span.line ?? 0} ${code}`
  })
}

describe("the lint configuration reports", () => {
  test.each([
    ["a promise nobody waits for", "core/src/floating.ts:4 typescript(no-floating-promises)"],
    ["an import cycle, though one way is a type", "core/src/cycle-a.ts:1 import(no-cycle)"],
    ["console", "core/src/terminal.ts:2 eslint(no-console)"],
    ["any", "core/src/loose.ts:1 typescript(no-explicit-any)"],
    ["node:timers", "core/src/clock.ts:1 eslint(no-restricted-imports)"],
    ["Date.now", "core/src/clock.ts:3 eslint(no-restricted-properties)"],
    ["performance.now", "core/src/clock.ts:4 eslint(no-restricted-globals)"],
    ["Math.random", "core/src/clock.ts:5 eslint(no-restricted-properties)"],
    ["AbortSignal.timeout", "core/src/clock.ts:6 eslint(no-restricted-properties)"],
    ["setTimeout", "core/src/clock.ts:7 eslint(no-restricted-globals)"],
    ["globalThis.setTimeout", "core/src/clock.ts:8 eslint(no-restricted-globals)"],
    ["setInterval", "core/src/clock.ts:9 eslint(no-restricted-globals)"],
    ["setImmediate", "core/src/clock.ts:10 eslint(no-restricted-globals)"],
  ])("%s", (_what, report) => {
    expect(reports).toContain(report)
  })

  test("nothing about the one file that may touch the clock", () => {
    expect(reports.filter((report) => report.startsWith("scheduler/src/runtime/system-clock.ts"))).toEqual([])
  })
})

describe("the direction of packages", () => {
  const pairs = packages.flatMap((from) => packages.map((to) => ({ from, to })))
  test.each(pairs)("$from importing $to", ({ from, to }) => {
    const reported = reports.includes(`${from}/src/imports-${to}.ts:1 eslint(no-restricted-imports)`)
    expect(reported).toBe(!mayImport[from]?.includes(to))
  })

  test.each(packages)("%s reaching into another package's files", (from) => {
    expect(reports).toContain(`${from}/src/reaches-in.ts:1 eslint(no-restricted-imports)`)
  })
})
