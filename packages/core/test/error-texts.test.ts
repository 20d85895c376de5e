import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The first line of each error that the compiler reports, by the name in the comment above the mistake. */
async function compile(source: string): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-types-"))
  try {
    await writeFile(join(folder, "mistakes.mts"), source)
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: here("../../../tsconfig.test.json"),
        compilerOptions: {
          typeRoots: [here("../../../node_modules/@types")],
          paths: { "@sluice/core": [here("../src/index.ts")] },
        },
        include: ["mistakes.mts"],
      }),
    )
    const output = await new Promise<string>((resolve) => {
      const tsc = here("../../../node_modules/typescript/bin/tsc")
      execFile(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: folder }, (_error, stdout) =>
        resolve(stdout),
      )
    })
    const lines = source.split("\n")
    const errors: Record<string, string> = {}
    for (const [, line, text] of output.matchAll(/^mistakes\.mts\((\d+),\d+\): error TS\d+: (.*(?:\n {2}.*)*)/gm)) {
      const above = lines.slice(0, Number(line)).findLast((each) => each.startsWith("// "))
      errors[above?.slice(3) ?? "unexpected"] ??= text!
    }
    return errors
  } finally {
    await rm(folder, { recursive: true })
  }
}

const mistakes = `
import { define } from "@sluice/core"
interface Shared { texts: string[]; summary: string }
const { step, batch, flow, pipeline } = define<Shared>()
const load = step({ name: "load", post: (shared) => (shared.texts.length === 0 ? "empty" : undefined) })
const summarise = batch({ name: "summarise", prep: (shared) => shared.texts, exec: (text) => text.length })
const apologise = step({ name: "apologise" })
const nodes = { load, summarise, apologise }
// start
flow({ name: "digest", nodes, start: "laod" })
// target
flow({ name: "digest", nodes, start: "load", edges: { load: { default: "sumarise" } } })
// source
flow({ name: "digest", nodes, start: "load", edges: { laod: { default: "summarise" } } })
// action
flow({ name: "digest", nodes, start: "load", edges: { load: { emty: "summarise" } } })
// strict
flow({ name: "digest", nodes, start: "load", strict: true, edges: { load: { default: "summarise" } } })
// shared
step({ name: "typo", post: (shared) => { shared.sumary = "x" } })
// item
batch({ name: "typo", prep: (shared) => shared.texts, exec: (text) => text.lenght })
// source of a batch
batch({ name: "none", prep: (shared) => shared.texts.length, exec: (text) => text })
// option
step({ name: "typo", retry: { maxAttempt: 3 } })
// answer
step({ name: "bad", post: () => 5 })
// stage
pipeline([summarise, batch({ name: "upper", exec: (text: string) => text.toUpperCase() })])
// run
load.run({ texts: [] })
`

test("the commonest mistakes are compile errors that name what is right", async () => {
  const errors = await compile(mistakes)
  const names = '"apologise" | "load" | "summarise"'
  expect(errors).toEqual({
    start: `Type '"laod"' is not assignable to type '${names}'.`,
    target: `Type '"sumarise"' is not assignable to type '${names} | null | undefined'. Did you mean '"summarise"'?`,
    source: expect.stringContaining("'laod' does not exist in type '{ readonly load?: "),
    action: `Object literal may only specify known properties, but 'emty' does not exist in type '{ readonly default?: ${names} | null; readonly empty?: ${names} | null; }'. Did you mean to write 'empty'?`,
    strict: expect.stringContaining(
      `Property 'empty' is missing in type '{ default: "summarise"; }' but required in type '{ readonly empty: ${names} | null; }'.`,
    ),
    shared: "Property 'sumary' does not exist on type 'Shared'. Did you mean 'summary'?",
    item: "Property 'lenght' does not exist on type 'string'. Did you mean 'length'?",
    "source of a batch": expect.stringContaining(
      "Type 'number' is not assignable to type 'MaybePromise<number & Source<never>>'.",
    ),
    option:
      "Object literal may only specify known properties, but 'maxAttempt' does not exist in type 'RetryOptions'. Did you mean to write 'maxAttempts'?",
    answer: expect.stringContaining("Type 'number' is not assignable to type 'MaybePromise<NextAction>'."),
    stage: expect.stringMatching(/Type 'number' is not assignable to type 'string'\.$/),
    run: "Property 'summary' is missing in type '{ texts: never[]; }' but required in type 'Shared'.",
  })
}, 60_000)
