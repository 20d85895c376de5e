import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { docExamples } from "./doc-examples.ts"

const root = path.join(import.meta.dirname, "../..")

/**
 * Compiles the `@example` blocks of a package's sources, each as a module of its own, and runs them. `expression // => value`
 * in a block is a check. A block that begins with "```ts no-run" is only compiled. What the package itself exports is imported for
 * them; `prelude` has what they take from elsewhere. Answers what has an example.
 */
export function testExamples(name: string, prelude = ""): string[] {
  const folder = path.join(root, "packages", name)
  const read = (file: string): string => readFileSync(path.join(folder, file), "utf8")
  const index = read("src/index.ts")
  const files = globSync("src/**/*.ts", { cwd: folder }).toSorted()
  const examples = files
    .flatMap((file) => docExamples(file, read(file), index, prelude))
    .map((example, number) => ({ ...example, module: `${example.name}-${number}.mts` }))

  describe(`the examples in packages/${name}/src`, () => {
    let problems: Readonly<Record<string, string>> = {}
    beforeAll(async () => {
      const modules = examples.map(({ module, code }) => [module, `${same}${code}\n`] as const)
      const running = examples.filter(({ runs }) => runs).map(({ module }) => module)
      problems = await tryOut(folder, modules, running)
    }, 120_000)

    it.each(examples)("$name ($file)", ({ module }) => {
      expect(problems[module]).toBeUndefined()
    })
  })
  return examples.map((example) => example.name)
}

const same = `import { deepStrictEqual } from "node:assert/strict"
const same: (actual: unknown, expected: unknown) => void = deepStrictEqual
`

/** What the compiler and Node say about each module, by its name. */
async function tryOut(
  folder: string,
  modules: readonly (readonly [string, string])[],
  running: readonly string[],
): Promise<Record<string, string>> {
  // Inside the package, so that imports find what they find in its sources.
  const work = mkdtempSync(path.join(folder, ".examples-"))
  const write = (file: string, text: string): void => writeFileSync(path.join(work, file), text)
  try {
    for (const [module, code] of modules) write(module, code)
    write("tsconfig.json", JSON.stringify({ extends: path.join(root, "tsconfig.test.json"), include: ["*.mts"] }))
    write("run.mjs", runner(running))
    const [compiled, ran] = await Promise.all([
      run(work, path.join(root, "node_modules/typescript/bin/tsc"), "--pretty", "false"),
      run(work, "--conditions=@sluice/source", "run.mjs"),
    ])
    const problems: Record<string, string> = {}
    for (const [, module, text] of ran.matchAll(/^PROBLEM (\S+) (.*)$/gm))
      problems[module!] = JSON.parse(text!) as string
    if (!ran.endsWith("ALL RAN\n")) for (const module of running) problems[module] ??= `not all ran: ${ran}`
    for (const [, module, text] of compiled.matchAll(/^([\w$-]+\.mts)(.*)$/gm))
      problems[module!] = `does not compile: ${text}`
    return problems
  } finally {
    rmSync(work, { recursive: true })
  }
}

function runner(modules: readonly string[]): string {
  return `for (const module of ${JSON.stringify(modules)}) {
  await import("./" + module).catch((error) => console.log("PROBLEM", module, JSON.stringify(String(error?.stack ?? error))))
}
console.log("ALL RAN")
process.exit()
`
}

function run(cwd: string, ...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd }, (_error, stdout, stderr) => resolve(`${stderr}${stdout}`))
  })
}
