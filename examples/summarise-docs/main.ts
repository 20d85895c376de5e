import { fileURLToPath } from "node:url"
import { findDocuments, readmesOfDependencies } from "./documents/find-documents.ts"
import { parseOptions } from "./options.ts"
import { UsageError } from "./usage-error.ts"

const workspace = fileURLToPath(new URL("../../", import.meta.url))

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if (options === undefined) return 0
  const byDefault = options.inputs.length === 0
  const cwd = byDefault ? workspace : process.cwd()
  const files = await findDocuments(byDefault ? [readmesOfDependencies] : options.inputs, cwd)
  // Loaded only now: a typing error is answered at once.
  const { runDemo } = await import("./run-demo.ts")
  return runDemo(options, files, cwd)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const usage = error instanceof UsageError
  const text = usage ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`error: ${text}\n`)
  process.exitCode = usage ? 2 : 1
}
