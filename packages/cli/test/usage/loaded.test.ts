import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test, vi } from "vitest"
import { ended, program, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

const tracer = pathToFileURL(join(import.meta.dirname, "../fixtures/trace-modules.mjs")).href

/** The packages that a command loads, and the rooms of the command itself. */
async function loadedBy(args: readonly string[], folder = temporaryFolder()) {
  const trace = join(folder, "trace.txt")
  const child = spawn(process.execPath, ["--conditions=@sluice/source", "--import", tracer, program, ...args], {
    cwd: folder,
    env: { ...process.env, SLUICE_TRACE: trace },
  })
  const end = await ended(child)
  const urls = readFileSync(trace, "utf8").split("\n")
  const packages = urls.flatMap((url) => {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
    const [, ours] = /\/packages\/([^/]+)\/src\//.exec(url) ?? []
    return name ?? (ours === undefined ? [] : `@sluice/${ours}`)
  })
  const rooms = urls.flatMap((url) => /\/packages\/cli\/src\/(\w+)\//.exec(url)?.[1] ?? [])
  return { ...end, packages: [...new Set(packages)].toSorted(), rooms: new Set(rooms) }
}

const light = ["@sluice/cli", "@sluice/core", "@sluice/scheduler", "commander"]
const ofTheScheduler = ["p-limit", "yocto-queue"]

const ofTheOptions = ["asking", "checks", "commands", "display", "help", "input", "lane", "model", "run", "ui"]

test("the version and the help are told without calls, journals, schemas and the AI SDK", async () => {
  for (const args of [["--version"], ["--help"], ["run", "--help"], ["completion", "fish"]]) {
    const { code, packages, rooms } = await loadedBy(args)
    expect([code, packages]).toEqual([0, [...light, ...ofTheScheduler].toSorted()])
    // Of ours, what the options need to be listed and checked.
    expect([...rooms].filter((room) => !ofTheOptions.includes(room))).toEqual([])
  }
})

/** What one kind of run needs and others do not. */
const sometimes = {
  ai: "the AI SDK's own layer",
  "csv-parse": "tables",
  liquidjs: "prompts with tags",
  ajv: "--schema",
  "cli-table3": "plans",
  tinyglobby: "globs",
  "@sluice/lab": "--model lab:",
  "@sluice/page": "--ui",
  fastify: "--ui",
  "@sluice/redis": "--redis",
  ioredis: "--redis",
  "@ai-sdk/openai": "--model openai:",
  "@ai-sdk/anthropic": "--model anthropic:",
  "@ai-sdk/google": "--model google:",
}

async function runOf(file: string, text: string, ...more: string[]) {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  writeFileSync(join(folder, file), text)
  const { code, stderr, packages, rooms } = await loadedBy(
    ["run", file, "-p", "Say {{text}}", ...vendor.args, "-o", "out.jsonl", ...more],
    folder,
  )
  return { code, stderr, rooms, calls: vendor.heard.length, seldom: packages.filter((name) => name in sometimes) }
}

test("a run loads what its input, its prompt and its model need", async () => {
  const line = '{"text":"a"}\n'
  const plain = await runOf("in.jsonl", line)
  expect(plain).toMatchObject({ code: 0, calls: 1, seldom: [] })
  expect(plain.rooms).not.toContain("plan")
  expect((await runOf("in.csv", "text\na\n")).seldom).toEqual(["csv-parse"])
  expect((await runOf("in.jsonl", line, "-p", "{% if text %}{{text}}{% endif %}")).seldom).toEqual(["liquidjs"])
})
