import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { runModule } from "../../docs/run-block.ts"
import { esbuildVersion } from "./esbuild-version.ts"
import { run } from "../run.ts"

/** What the check bundles with, at the versions that were tried. */
export const bundlers: Readonly<Record<string, string>> = {
  "@rollup/plugin-commonjs": ">=28",
  "@rollup/plugin-node-resolve": "^16.0.3",
  bun: "^1.4.5",
  esbuild: esbuildVersion,
  rollup: "^4.68.8",
  vite: "^8.4.0",
  webpack: "^5.113.0",
}

/** Ways to make one or several files of an app, each a command of `node_modules/.bin`, or a script for Node. */
const ways: Readonly<Record<string, (app: string) => readonly string[]>> = {
  "esbuild ESM": (app) => esbuild(app, "--format=esm", "--out-extension:.js=.mjs"),
  "esbuild ESM minified": (app) => esbuild(app, "--format=esm", "--minify", "--out-extension:.js=.mjs"),
  "esbuild ESM splitting": (app) => esbuild(app, "--format=esm", "--splitting", "--out-extension:.js=.mjs"),
  "esbuild CJS": (app) => esbuild(app, "--format=cjs", "--out-extension:.js=.cjs"),
  "esbuild CJS minified": (app) => esbuild(app, "--format=cjs", "--minify", "--out-extension:.js=.cjs"),
  rollup: (app) => ["rollup", "--input", app, "--config", "rollup.config.mjs", "--silent"],
  webpack: (app) => ["node", "webpack.mjs", app],
  vite: (app) => ["node", "vite.mjs", app],
  bun: (app) => ["bun", "build", app, "--target=node", "--outdir=out", "--entry-naming=[name].mjs"],
}

function esbuild(app: string, ...options: string[]): string[] {
  // What CommonJS packages in an ESM bundle need, as esbuild's pages tell.
  const require = "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);"
  const banner = options.includes("--format=esm") ? [`--banner:js=${require}`] : []
  return ["esbuild", app, "--bundle", "--platform=node", "--outdir=out", "--log-level=error", ...options, ...banner]
}

const configs = {
  "rollup.config.mjs": `import commonjs from "@rollup/plugin-commonjs"
import resolve from "@rollup/plugin-node-resolve"
export default { output: { dir: "out", format: "es", entryFileNames: "[name].mjs" }, plugins: [resolve({ preferBuiltins: true }), commonjs()] }
`,
  "webpack.mjs": `import webpack from "webpack"
webpack({
  mode: "production", target: "node22", entry: { app: "./" + process.argv[2] }, experiments: { outputModule: true },
  output: { path: import.meta.dirname + "/out", filename: "[name].mjs", chunkFormat: "module", library: { type: "module" } },
}, (error, stats) => {
  const errors = error ? [error] : stats.toJson({ errors: true }).errors
  for (const each of errors) console.error(each.message ?? each)
  process.exitCode = errors.length > 0 ? 1 : 0
})
`,
  "vite.mjs": `import { build } from "vite"
await build({
  logLevel: "error", ssr: { noExternal: true },
  build: { ssr: process.argv[2], outDir: "out", rollupOptions: { output: { entryFileNames: "[name].mjs" } } },
})
`,
}

export const wayNames: readonly string[] = Object.keys(ways)

/** Copies the apps into `folder`, where the packages and the bundlers are installed. */
export function prepareBundles(folder: string, apps: string): void {
  cpSync(apps, folder, { recursive: true })
  for (const [file, text] of Object.entries(configs)) writeFileSync(path.join(folder, file), text)
}

/** Bundles `app` of `folder` in one of the ways and returns what the bundle prints, run where nothing is installed. */
export async function runBundled(folder: string, way: string, app: string, env: NodeJS.ProcessEnv): Promise<string> {
  rmSync(path.join(folder, "out"), { recursive: true, force: true })
  const [command = "", ...args] = ways[way]!(app)
  run(command === "node" ? process.execPath : path.join(folder, "node_modules/.bin", command), args, folder)
  const alone = mkdtempSync(path.join(tmpdir(), "sluice-bundle-"))
  try {
    mkdirSync(path.join(alone, "out"))
    cpSync(path.join(folder, "out"), path.join(alone, "out"), { recursive: true })
    const name = path.basename(app, ".mjs")
    const [file] = globSync([`out/${name}.?(m|c)js`, "out/app.mjs"], { cwd: alone })
    if (file === undefined) throw new Error(`${way} made no file of ${app}`)
    // Not `run`, which would hold up the vendor that the bundle calls.
    const { code, stdout, stderr } = await runModule(alone, [file], env)
    return code === 0 ? stdout : `${stdout}${stderr}`
  } finally {
    rmSync(alone, { recursive: true })
  }
}
