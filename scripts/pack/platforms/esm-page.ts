import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { runModule } from "../../docs/run-block.ts"
import { esbuildVersion } from "./esbuild-version.ts"
import { install } from "../install.ts"
import { type Packed, root } from "../pack-packages.ts"
import { run } from "../run.ts"

/** What the set-ups of `docs/esm.md` are tried with. */
const tools: Readonly<Record<string, string>> = {
  "@babel/core": "^7.29.0",
  "@babel/preset-env": "^7.29.0",
  "@types/jest": "^30.0.0",
  "@types/node": "^24.0.0",
  "babel-jest": "^30.5.0",
  esbuild: esbuildVersion,
  jest: "^30.5.0",
  "ts-jest": "^29.4.0",
  typescript: "~5.8.3",
}

const ask = `const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer any", "content-type": "application/json" },
    body: JSON.stringify({ model: "lab", messages: [{ role: "user", content: "Say hello" }] }),
  })`

const program = (load: string): string => `${load}
async function main() {
  const fetch = limitedFetch({ requestsPerMinute: 600 })
  ${ask}
  console.log(answer.status)
}
void main()
`

const jestTest = `import { limitedFetch } from "sluice"
test("asks through sluice", async () => {
  const fetch = limitedFetch({ requestsPerMinute: 600 })
  ${ask}
  expect(answer.status).toBe(200)
  await fetch.close()
})
`

/** Runs every line of `docs/esm.md`, with its settings to the letter, against the tarballs installed in `folder`. */
export async function checkEsmPage(folder: string, packed: readonly Packed[], env: NodeJS.ProcessEnv): Promise<void> {
  install(folder, "npm", packed, { sluice: "", "@sluice/lab": "", ...tools })
  const settings = settingsOf(readFileSync(path.join(root, "docs/esm.md"), "utf8"))
  const bin = (name: string): string => path.join(folder, "node_modules/.bin", name)
  const project = (name: string, files: Readonly<Record<string, string>>): string => {
    const at = path.join(folder, name)
    mkdirSync(at)
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(at, file), text)
    return at
  }
  const expectRun = async (
    title: string,
    at: string,
    args: readonly string[],
    wanted: RegExp,
    extra = {},
  ): Promise<void> => {
    const { stdout, stderr } = await runModule(at, args, { ...env, ...extra })
    if (!wanted.test(stdout + stderr))
      throw new Error(`docs/esm.md, ${title}: printed\n${stdout}${stderr}instead of ${wanted}`)
  }

  const required = project("required", { "app.cjs": program('const { limitedFetch } = require("sluice")') })
  await expectRun("require", required, ["app.cjs"], /^200\n$/)

  const imported = program('import { limitedFetch } from "sluice"')
  const compiled = project("compiled", { "package.json": "{}", "app.ts": imported })
  const tsc = [bin("tsc"), "app.ts", "--strict", "--target", "es2023", "--types", "node"]
  await expectRun("nodenext", compiled, [...tsc, "--module", "nodenext"], /^$/)
  await expectRun(
    "nodenext gives CommonJS",
    compiled,
    ["--input-type=commonjs", "--eval", 'require("./app.js")'],
    /^200\n$/,
  )
  await expectRun(
    "bundler",
    compiled,
    [...tsc, "--noEmit", "--module", "esnext", "--moduleResolution", "bundler"],
    /^$/,
  )
  const node10 = [...tsc, "--noEmit", "--module", "commonjs", "--moduleResolution", "node10"]
  await expectRun("node10", compiled, node10, /Cannot find module 'sluice'/)

  const passes = /Tests: +1 passed, 1 total/
  const [esmPackage = "", tsconfig = ""] = settings("Jest with ES modules")
  const esm = project("jest-esm", { "package.json": esmPackage, "tsconfig.json": tsconfig, "app.test.ts": jestTest })
  await expectRun("Jest with ES modules", esm, [bin("jest")], passes, { NODE_OPTIONS: "--experimental-vm-modules" })
  const [cjsPackage = "", babel = ""] = settings("Jest that must stay CommonJS")
  const cjs = project("jest-cjs", { "package.json": cjsPackage, "babel.config.json": babel, "app.test.js": jestTest })
  await expectRun("Jest that must stay CommonJS", cjs, [bin("jest")], passes)

  const [banner = ""] = settings("A bundle by esbuild", "sh")
  const vendor = 'import { startVendor } from "@sluice/lab"\nvoid startVendor().then((vendor) => vendor.stop())\n'
  const bundled = project("bundled", { "app.mjs": vendor + imported })
  run("sh", ["-c", banner], bundled, { PATH: `${bin("")}${path.delimiter}${process.env["PATH"] ?? ""}` })
  await expectRun("a bundle by esbuild", bundled, ["out.mjs"], /^200\n$/)
}

/** The blocks of one language under a heading of the page. */
function settingsOf(page: string): (heading: string, language?: string) => string[] {
  return (heading, language = "json") => {
    const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ""
    const blocks = [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, of]) => of === language)
    if (blocks.length === 0) throw new Error(`docs/esm.md has no ${language} block under "${heading}"`)
    return blocks.map(([, , text]) => text!)
  }
}
