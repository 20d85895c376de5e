/**
 * Runs what depends on the version of Node with each of the given ones: `pnpm on-node 22 24 26`, or other tests with
 * `pnpm on-node 22 -- packages/journal/test/file/kill.test.ts`. Each version comes from npm into a temporary folder.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { nodePackage } from "../pack/platforms/node-package.ts"

/** Node's own fetch and the limits inside it; SQLite, which announces itself in some versions. */
const usual = ["packages/providers/test/call/waiting/time-limits.test.ts", "packages/journal/test/file/silence.test.ts"]

const root = path.join(import.meta.dirname, "../..")
const args = process.argv.slice(2)
const dashes = args.indexOf("--")
const versions = dashes < 0 ? args : args.slice(0, dashes)
const files = dashes < 0 ? usual : args.slice(dashes + 1)
if (versions.length === 0 || !versions.every((version) => /^\d+(\.\d+){0,2}$/.test(version))) {
  process.stdout.write("on-node: give versions of Node, from 22 on: pnpm on-node 22 24 26\n")
  process.exit(2)
}

const work = mkdtempSync(path.join(tmpdir(), "sluice-on-node-"))
const failed: string[] = []
try {
  for (const version of versions) {
    const node = install(version)
    process.stdout.write(`on-node: ${run(node, ["--version"], "pipe").stdout.trim()}: ${files.join(", ")}\n`)
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
    const { status } = run(node, [vitest, "run", "--config", "vitest.workspace.ts", ...files], "inherit")
    if (status !== 0) failed.push(version)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
const text = failed.length > 0 ? `fails with Node ${failed.join(", ")}` : `passes with Node ${versions.join(", ")}`
process.stdout.write(`on-node: ${text}\n`)
process.exitCode = failed.length > 0 ? 1 : 0

/** The package `node` is the program itself; its install script, which may be blocked, only links it. */
function install(version: string): string {
  const folder = path.join(work, version)
  const { platform, arch } = process
  const packages = [`node@${version}`, `${nodePackage}@${version}`]
  const { status, stderr } = run("npm", ["install", "--silent", "--prefix", folder, ...packages], "pipe")
  const node = path.join(folder, "node_modules", nodePackage, "bin", platform === "win32" ? "node.exe" : "node")
  if (status !== 0 || !existsSync(node))
    throw new Error(`npm has no Node ${version} for ${platform} ${arch}: ${stderr}`)
  return node
}

function run(
  command: string,
  args: readonly string[],
  stdio: "pipe" | "inherit",
): { status: number | null; stdout: string; stderr: string } {
  // The tests' workers start with the `node` that comes first.
  const env = { ...process.env, PATH: `${path.dirname(command)}${path.delimiter}${process.env["PATH"] ?? ""}` }
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: "utf8",
    stdio: ["ignore", stdio, stdio],
  })
  return { status, stdout, stderr }
}
