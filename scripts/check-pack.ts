/**
 * Checks what would be published, as its users get it: builds, packs every public package, lints each tarball,
 * installs all of them with npm into an empty folder, imports every entry point, type-checks against them,
 * and runs a small program and the command with plain Node.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly bin?: string | Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}
interface Packed {
  readonly folder: string
  readonly manifest: Manifest
  readonly tarball: string
}

const root = path.dirname(import.meta.dirname)
const work = mkdtempSync(path.join(tmpdir(), "sluice-pack-"))
const consumer = path.join(work, "consumer")

try {
  step("build")
  run(process.execPath, ["scripts/build.ts"], root)
  const packed = pack()
  step("lint the tarballs")
  for (const each of packed) await lintTarball(each)
  step("npm install into an empty folder")
  install(packed)
  step("import every entry point")
  importEntries(packed)
  step("type-check a program and the examples of the READMEs")
  const programs = typeCheck(packed)
  step("run them")
  for (const program of programs) run(process.execPath, [`${program}.js`], consumer)
  for (const { manifest } of packed) for (const command of commandsOf(manifest)) helpOf(command)
  process.stdout.write(`check:pack: ${packed.length} packages pack, install, import and run\n`)
} catch (error) {
  process.stdout.write(`check:pack: ${String(error)}\n`)
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function step(title: string): void {
  process.stdout.write(`check:pack: ${title}\n`)
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  })
  if (status === 0) return stdout
  process.stdout.write(stdout ?? "")
  throw new Error(`${path.basename(command)} ${args.join(" ")} failed`, { cause: error })
}

function pack(): Packed[] {
  step("pack")
  return globSync("packages/*/package.json", { cwd: root })
    .map((file) => path.dirname(path.join(root, file)))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
    .filter(({ manifest }) => !manifest.private)
    .map(({ folder, manifest }) => {
      // pnpm writes real versions in place of `workspace:` and `catalog:`.
      const tarball = path.join(work, `${manifest.name.replaceAll(/\W+/g, "-")}.tgz`)
      run("pnpm", ["pack", "--out", tarball], folder)
      return { folder, manifest, tarball }
    })
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest
}

async function lintTarball({ manifest, tarball }: Packed): Promise<void> {
  const bytes = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, level: "warning", strict: true })
  const lines = messages.map((message) => formatMessage(message, pkg))
  if (lines.length > 0) throw new Error(`publint, ${manifest.name}:\n${lines.join("\n")}`)
}

function install(packed: readonly Packed[]): void {
  mkdirSync(consumer)
  const dependencies = Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
  const manifest = { name: "consumer", private: true, type: "module", dependencies }
  writeFileSync(path.join(consumer, "package.json"), JSON.stringify(manifest))
  run("npm", ["install", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"], consumer)
}

function entriesOf(packed: readonly Packed[]): string[] {
  return packed.flatMap(({ manifest }) =>
    Object.keys(manifest.exports)
      .filter((key) => key !== "./package.json" && !key.includes("*"))
      .map((key) => manifest.name + key.slice(1)),
  )
}

function importEntries(packed: readonly Packed[]): void {
  const source = `for (const entry of ${JSON.stringify(entriesOf(packed))}) {
    const names = Object.keys(await import(entry))
    if (names.length === 0) throw new Error(entry + " exports nothing")
  }`
  run(process.execPath, ["--input-type=module", "--eval", source], consumer)
}

/** Compiles the program and the first example of each README, and answers their names. */
function typeCheck(packed: readonly Packed[]): string[] {
  const imports = entriesOf(packed).map((entry, index) => `export * as entry${index} from "${entry}"\n`)
  const programs = packed.map(({ folder }) => ({ name: path.basename(folder), source: readmeExample(folder) }))
  programs.push({ name: "program", source: readFileSync(path.join(root, "scripts/pack-fixture/program.ts"), "utf8") })
  writeFileSync(path.join(consumer, "entries.ts"), imports.join(""))
  for (const { name, source } of programs) writeFileSync(path.join(consumer, `${name}.ts`), source)
  const files = ["entries.ts", ...programs.map(({ name }) => `${name}.ts`)]
  const options = ["--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck", "--types", "node"]
  const typeRoots = ["--typeRoots", path.join(root, "node_modules/@types")]
  const tsc = path.join(root, "node_modules/typescript/bin/tsc")
  run(process.execPath, [tsc, ...files, ...options, ...typeRoots], consumer)
  return programs.map(({ name }) => name)
}

function readmeExample(folder: string): string {
  const example = readFileSync(path.join(folder, "README.md"), "utf8").match(/^```ts\n(.*?)^```/ms)?.[1]
  if (!example) throw new Error(`${path.basename(folder)}/README.md has no example`)
  return example
}

function commandsOf({ name, bin }: Manifest): string[] {
  return typeof bin === "string" ? [name] : Object.keys(bin ?? {})
}

function helpOf(command: string): void {
  step(`${command} --help`)
  const help = run(path.join(consumer, "node_modules/.bin", command), ["--help"], consumer)
  if (!help.includes(command)) throw new Error(`${command} --help does not name the command:\n${help}`)
}
