/**
 * Checks what would be published, as its users get it: builds, packs, lints and opens every public package, installs the tarballs
 * with npm and pnpm into empty folders, imports every entry point, compiles and runs the code of every page unchanged,
 * compiles a library that exports its nodes, tries older set-ups as `docs/esm.md` tells, bundles apps with every bundler and
 * runs the bundles, runs the apps on other versions of Node, Bun and Deno, asks a Node that is too old, starts a Worker, and runs the commands.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { docBlocks } from "./doc-blocks.ts"
import { bundlers, prepareBundles, runBundled, wayNames } from "./pack/bundle.ts"
import { compile } from "./pack/compile.ts"
import { checkEsmPage } from "./pack/esm-page.ts"
import { install, type Manager } from "./pack/install.ts"
import { checkFiles } from "./pack/package-files.ts"
import { catalog, type Manifest, type Packed, packPackages, readManifest, root } from "./pack/pack-packages.ts"
import { run } from "./pack/run.ts"
import { checkOlderNode } from "./pack/older-node.ts"
import { olderNode, runOn, runTimeNames, runTimes } from "./pack/run-times.ts"
import { ceilings } from "./pack/weight.ts"
import { runWorker, workerTools } from "./pack/worker.ts"
import { findServer, startServer } from "../packages/redis/test/redis-server.ts"
import { redisBlocks, runRedisBlocks, writeRedisBlocks } from "./redis-blocks.ts"
import { runModule, startPagesVendor } from "./run-block.ts"

const work = mkdtempSync(path.join(tmpdir(), "sluice-pack-"))
const fixtures = path.join(root, "scripts/pack-fixture")
/** What each app prints. */
const apps: Readonly<Record<string, string>> = {
  "fetch-only.mjs": "200 Hello.\n",
  "ai-late.mjs": "function function\n",
  "everything.mjs": "3 string 3,3,5\n",
}
const { vendor, env } = await startPagesVendor()

try {
  step("build and pack")
  const packed = packPackages(work)
  step("lint the tarballs")
  for (const each of packed) await lintTarball(each)
  step("open them")
  for (const each of packed) checkFiles(each, path.join(work, "opened"))
  for (const manager of ["npm", "pnpm"] as const) {
    await checkPages(manager, packed)
    checkLibrary(manager, packed)
  }
  step("try the set-ups of docs/esm.md")
  await checkEsmPage(path.join(work, "esm-page"), packed, env)
  await checkBundles(packed)
  process.stdout.write(`check:pack: ${packed.length} packages pack, install, compile, bundle and run\n`)
} catch (error) {
  process.stdout.write(`check:pack: ${String(error)}\n`)
  process.exitCode = 1
} finally {
  await vendor.stop()
  rmSync(work, { recursive: true, force: true })
}

function step(title: string): void {
  process.stdout.write(`check:pack: ${title}\n`)
}

async function lintTarball({ manifest, tarball }: Packed): Promise<void> {
  const bytes = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, level: "warning", strict: true })
  const lines = messages.map((message) => formatMessage(message, pkg))
  if (lines.length > 0) throw new Error(`publint, ${manifest.name}:\n${lines.join("\n")}`)
}

/** Everything that the pages tell to install, in one folder: entry points, the pages' code, commands. */
async function checkPages(manager: Manager, packed: readonly Packed[]): Promise<void> {
  const folder = path.join(work, `pages-${manager}`)
  step(`${manager} install of all packages and of what the pages use`)
  const { dependencies = {} } = readManifest(path.join(root, "scripts/reader"))
  const all = { ...dependencies, ...Object.fromEntries(packed.map(({ manifest }) => [manifest.name, ""])) }
  install(folder, manager, packed, withVersions({ ...all, "@types/node": "catalog:" }))
  step("import every entry point")
  const entries = packed.flatMap(({ manifest }) => entriesOf(manifest))
  importEntries(folder, entries)
  step("compile the pages' code")
  const blocks = docBlocks(root)
  for (const { module, code } of blocks) writeFileSync(path.join(folder, module), code)
  writeFileSync(
    path.join(folder, "entries.ts"),
    entries.map((entry, at) => `export * as e${at} from "${entry}"\n`).join(""),
  )
  const typed = blocks.map(({ module }) => module).filter((module) => module.endsWith(".mts"))
  compile(folder, ["entries.ts", ...typed], false)
  step("run it")
  for (const { page, heading, module, prints } of blocks) {
    vendor.reset()
    const { code, stdout, stderr } = await runModule(folder, [module], env)
    if (code !== 0 || stderr !== "" || (prints !== "" && stdout !== prints))
      throw new Error(`${page}, ${heading}: exit code ${code}, printed\n${stdout}${stderr}instead of\n${prints}`)
  }
  for (const { manifest } of packed) for (const command of commandsOf(manifest)) helpOf(folder, command)
  await checkRedisBlocks(folder)
}

/** What a page shows of several processes: compiled, and run where there is a Redis. */
async function checkRedisBlocks(folder: string): Promise<void> {
  const server = findServer()
  step("compile and run the pages' code that needs a Redis")
  const files = writeRedisBlocks(path.join(folder, "with-redis"), redisBlocks(root))
  compile(folder, files, false)
  if (server === undefined) return
  const redis = await startServer(server)
  vendor.reset()
  try {
    await runRedisBlocks(path.join(folder, "with-redis"), { ...env, REDIS_URL: redis.url }, [])
  } finally {
    await redis.stop()
  }
}

/** Nothing but `sluice` is installed, as in a project that has just begun; what pnpm hides stays hidden. */
function checkLibrary(manager: Manager, packed: readonly Packed[]): void {
  const folder = path.join(work, `library-${manager}`)
  step(`${manager} install of sluice alone; compile a library that exports its nodes`)
  install(folder, manager, packed, withVersions({ sluice: "", "@types/node": "catalog:" }))
  for (const file of ["bare.ts", "exported.ts", "alone.ts"])
    copyFileSync(path.join(fixtures, file), path.join(folder, file))
  compile(folder, ["bare.ts"], false)
  compile(folder, ["exported.ts"], true)
  compile(folder, ["alone.ts"], false, [])
  rmSync(path.join(folder, "node_modules/@types"), { recursive: true })
  compile(folder, ["alone.ts"], false, [])
}

/** What was bundled runs where nothing is installed; what was not runs on every run time. */
async function checkBundles(packed: readonly Packed[]): Promise<void> {
  const folder = path.join(work, "bundles")
  step("install bundlers")
  const used = { "@ai-sdk/openai": "catalog:", ai: "catalog:", openai: "catalog:", zod: "catalog:" }
  install(folder, "npm", packed, withVersions({ sluice: "", ...used, ...bundlers, ...workerTools, ...runTimes }))
  prepareBundles(folder, path.join(fixtures, "apps"))
  for (const [app, expected] of Object.entries(apps)) {
    for (const way of wayNames) {
      step(`bundle ${app} with ${way} and run it`)
      vendor.reset()
      const printed = await runBundled(folder, way, app, env)
      if (printed !== expected) throw new Error(`${app} bundled with ${way} printed\n${printed}instead of\n${expected}`)
    }
  }
  for (const name of runTimeNames) {
    for (const [app, expected] of Object.entries(apps)) {
      step(`run ${app} with ${name}`)
      vendor.reset()
      const { code, stdout, stderr } = await runOn(folder, name, app, env)
      if (code !== 0 || stdout !== expected)
        throw new Error(
          `${app} run with ${name}: exit code ${code}, printed\n${stdout}${stderr}instead of\n${expected}`,
        )
    }
  }
  step("ask Node 20 which version is needed")
  await checkOlderNode(path.join(work, "pages-npm"), path.join(folder, olderNode))
  checkWeight(packed, folder)
  step("start a Worker in workerd")
  vendor.reset()
  await checkWorker(folder)
}

/** One request's `limitedFetch` answers it; one that requests share answers the first, and tells every other at its first call. */
async function checkWorker(folder: string): Promise<void> {
  const atOnce = (one: string): string[] => Array.from({ length: 6 }, () => one)
  const [answered, told] = [/^200 200 200$/, /one request/]
  const rounds = [["/own"], ["/global"], atOnce("/own"), atOnce("/global"), atOnce("/shared"), ["/shared"], ["/own"]]
  const said = await runWorker(folder, `${vendor.url}/v1`, rounds)
  for (const [at, answers] of said.entries()) {
    const [path = ""] = rounds[at]!
    const right = answers.filter((answer) => answered.test(answer)).length
    const wanted = path === "/own" ? answers.length : path === "/shared" && answers.length > 1 ? 1 : 0
    const others = answers.filter((answer) => told.test(answer)).length
    if (right !== wanted || right + others !== answers.length)
      throw new Error(`the Worker answers ${answers.length} requests for ${path} with\n${answers.join("\n")}`)
  }
}

/** `bundled`: a folder that has esbuild. */
function checkWeight(packed: readonly Packed[], bundled: string): void {
  const alone = path.join(work, "alone")
  step("npm install of sluice alone; weigh it, and bundles of it")
  install(alone, "npm", packed, { sluice: "" })
  const heavy = ceilings
    .map((ceiling) => ({ ...ceiling, is: ceiling.reached(alone, bundled) }))
    .filter(({ is, atMost }) => is > atMost)
    .map(({ what, is, atMost, unit }) => `${what}: ${is.toFixed(1)}${unit}, at most ${atMost}${unit}`)
  if (heavy.length > 0) throw new Error(heavy.join("\n"))
}

function withVersions(dependencies: Readonly<Record<string, string>>): Record<string, string> {
  const versions = catalog()
  const wanted = Object.entries(dependencies).map(([name, version]): [string, string] => [
    name,
    version === "catalog:" ? versions.get(name)! : version,
  ])
  return Object.fromEntries(wanted)
}

function entriesOf({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports)
    .filter((key) => key !== "./package.json" && !key.includes("*"))
    .map((key) => name + key.slice(1))
}

function importEntries(folder: string, entries: readonly string[]): void {
  const source = `for (const entry of ${JSON.stringify(entries)}) {
    const names = Object.keys(await import(entry))
    if (names.length === 0) throw new Error(entry + " exports nothing")
  }`
  run(process.execPath, ["--input-type=module", "--eval", source], folder)
}

function commandsOf({ name, bin }: Manifest): string[] {
  return typeof bin === "string" ? [name] : Object.keys(bin ?? {})
}

function helpOf(folder: string, command: string): void {
  step(`${command} --help`)
  const help = run(path.join(folder, "node_modules/.bin", command), ["--help"], folder)
  if (!help.includes(command)) throw new Error(`${command} --help does not name the command:\n${help}`)
}
