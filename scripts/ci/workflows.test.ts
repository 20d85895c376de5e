import { execFileSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, onTestFinished, test } from "vitest"

const root = path.join(import.meta.dirname, "../..")
const { scripts, devDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const workflows = globSync(".github/workflows/*.yml", { cwd: root })
const read = (file: string): string => readFileSync(path.join(root, file), "utf8")

test.each(workflows)("%s runs commands that exist, and asks for no more rights than it says", (file) => {
  const asked = [...read(file).matchAll(/\bpnpm ([a-z][\w:]*)/g)].map(([, name]) => name!)
  const commands = [...Object.keys(scripts), ...(devDependencies["@changesets/cli"] ? ["changeset"] : [])]
  expect(asked.filter((name) => !commands.includes(name))).toEqual([])
  expect(read(file)).toMatch(/^permissions:\n {2}contents: read$/m)
})

test("a release publishes nothing unless somebody asks for it", () => {
  const steps = read(".github/workflows/release.yml")
  const [make = "", publish = ""] = steps.split("\n  publish:\n    needs: make\n")
  expect(steps).toMatch(/^on:\n {2}workflow_dispatch:\n {4}inputs:\n {6}publish:\n(?: {8}.*\n)* {8}default: false$/m)
  expect(publish).toMatch(/^ {4}if: inputs\.publish$/m)
  const published = [...make.matchAll(/npm publish (.*)$/gm)].map(([, flags]) => flags!)
  expect(published).toHaveLength(1)
  expect(published[0]).toContain("--dry-run")
})

test("a release gives every package its addresses", () => {
  const step =
    /npm pkg set --prefix "\$package" ((?:.*\\\n)*.*)$/m.exec(read(".github/workflows/release.yml"))?.[1] ?? ""
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-addresses-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, "package.json"), '{"name":"one"}')
  const env = { GITHUB_SERVER_URL: "https://example.org", GITHUB_REPOSITORY: "an/owner" }
  const command = `package=packages/one; npm pkg set --prefix "${folder}" ${step}`
  execFileSync("sh", ["-c", command], { cwd: folder, env: { ...process.env, ...env } })
  expect(JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"))).toEqual({
    name: "one",
    homepage: "https://example.org/an/owner/tree/main/packages/one#readme",
    bugs: { url: "https://example.org/an/owner/issues" },
    repository: { type: "git", url: "git+https://example.org/an/owner.git", directory: "packages/one" },
  })
})

test("every package that is published has a place in the changesets' one version", () => {
  const { fixed } = JSON.parse(read(".changeset/config.json")) as { readonly fixed: readonly (readonly string[])[] }
  expect(fixed).toEqual([["sluice", "@sluice/*"]])
  const named = globSync(".changeset/*.md", { cwd: root, exclude: [".changeset/README.md"] }).flatMap((file) =>
    [
      ...read(file)
        .split("---")[1]!
        .matchAll(/^"?([@\w/-]+)"?:/gm),
    ].map(([, name]) => name!),
  )
  const packages = globSync("packages/*/package.json", { cwd: root }).map(
    (file) => (JSON.parse(read(file)) as { readonly name: string }).name,
  )
  expect(named.filter((name) => !packages.includes(name))).toEqual([])
})
