/**
 * One part of `pnpm check:pack`, in a process of its own, since parts run side by side and each has a vendor that must answer:
 * `node scripts/pack/check-pack-part.ts npm FOLDER`. The folder has the tarballs, and `packed.json`, which tells of them.
 */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { docBlocks } from "../docs/doc-blocks.ts"
import { bundlers, prepareBundles, runBundled, wayNames } from "./platforms/bundle.ts"
import { compile } from "./compile.ts"
import { checkEsmPage } from "./platforms/esm-page.ts"
import { install, type Manager } from "./install.ts"
import { catalog, type Manifest, type Packed, readManifest, root } from "./pack-packages.ts"
import { run } from "./run.ts"
import { runOn, runTimeNames, runTimes } from "./platforms/run-times.ts"
import { ceilings } from "./weight.ts"
import { runWorker, workerTools } from "./platforms/worker.ts"
import { findServer, startServer } from "../../packages/redis/test/redis-server.ts"
import { redisBlocks, runRedisBlocks, writeRedisBlocks } from "../docs/redis-blocks.ts"
import { runModule, startPagesVendor } from "../docs/run-block.ts"

const [part = "", work = ""] = process.argv.slice(2)
const packed = JSON.parse(readFileSync(path.join(work, "packed.json"), "utf8")) as readonly Packed[]
const fixtures = path.join(root, "scripts/pack/fixture")
/** What each app prints. */
const apps: Readonly<Record<string, string>> = {
  "fetch-only.mjs": "200 Hello.\n",
  "ai-late.mjs": "function function\n",
  "everything.mjs": "3 string 3,3,5\n",
}
const parts: Readonly<Record<string, () => Promise<void>>> = {
  npm: () => checkInstalled("npm"),
  pnpm: () => checkInstalled("pnpm"),
  "set-ups": checkSetUps,
  bundles: checkBundles,
}
const { vendor, env } = await startPagesVendor()

try {
  await parts[part]!()
} catch (error) {
  process.stdout.write(`check:pack: ${part}: ${String(error)}\n`)
  process.exitCode = 1
} finally {
  await vendor.stop()
}

function step(title: string): void {
  process.stdout.write(`check:pack: ${part}: ${title}\n`)
}

async function checkInstalled(manager: Manager): Promise<void> {
  await checkPages(manager)
  checkLibrary(manager)
}

async function checkSetUps(): Promise<void> {
  step("try the set-ups of docs/esm.md")
  await checkEsmPage(path.join(work, "esm-page"), packed, env)
}

/** Everything that the pages tell to install, in one folder: entry points, the pages' code, commands. */
async function checkPages(manager: Manager): Promise<void> {
  const folder = path.join(work, `pages-${manager}`)
  step(`install of all packages and of what the pages use`)
  const { dependencies = {} } = readManifest(path.join(root, "scripts/docs/reader"))
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
function checkLibrary(manager: Manager): void {
  const folder = path.join(work, `library-${manager}`)
  step(`install of sluice alone; compile a library that exports its nodes`)
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
async function checkBundles(): Promise<void> {
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
  checkWeight(folder)
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
function checkWeight(bundled: string): void {
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
