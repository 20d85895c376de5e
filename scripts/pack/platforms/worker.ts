import { readFileSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { esbuildVersion } from "./esbuild-version.ts"
import { run } from "../run.ts"

/** Cloudflare's own runtime, as a package. */
export const workerTools: Readonly<Record<string, string>> = { esbuild: esbuildVersion, miniflare: "^4.20260730.0" }

interface Miniflare {
  dispatchFetch(url: string): Promise<{ text(): Promise<string> }>
  dispose(): Promise<void>
}

/** Starts `worker.mjs` of `folder` in workerd and returns what it answers to each path: the rounds one after the other, the paths of one at once. */
export async function runWorker(folder: string, base: string, rounds: readonly string[][]): Promise<string[][]> {
  const options = ["--bundle", "--format=esm", "--conditions=workerd,worker", "--external:node:*", "--log-level=error"]
  run(path.join(folder, "node_modules/.bin/esbuild"), ["worker.mjs", "--outfile=worker.out.mjs", ...options], folder)
  const entry = path.join(folder, "node_modules/miniflare/dist/src/index.js")
  const loaded = (await import(pathToFileURL(entry).href)) as { Miniflare: new (options: object) => Miniflare }
  const worker = new loaded.Miniflare({
    modules: true,
    script: readFileSync(path.join(folder, "worker.out.mjs"), "utf8"),
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    bindings: { BASE: base },
  })
  try {
    const answers: string[][] = []
    for (const round of rounds)
      answers.push(
        await Promise.all(round.map(async (each) => (await worker.dispatchFetch(`http://worker${each}`)).text())),
      )
    return answers
  } finally {
    await worker.dispose()
  }
}
