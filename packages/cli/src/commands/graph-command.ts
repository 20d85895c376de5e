import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { z } from "zod"
import { exitCodes } from "../exit-codes.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"

interface Drawable {
  toMermaid(): string
  toJSON(): unknown
}

const drawable = z.custom<Drawable>(
  (value) => typeof value === "object" && value !== null && "toMermaid" in value && "toJSON" in value,
)

/** `sluice graph FLOW.ts [NAME]`: the flow that a module exports, as a Mermaid flowchart or as JSON. */
export async function graphCommand(
  file: string,
  name: string | undefined,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  if (!existsSync(file)) throw usageError(`${file}: no such file.`)
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>
  } catch (error) {
    throw usageError(`${file}: cannot be loaded (${(error as Error).message}).`)
  }
  const flows = Object.entries(exported).filter(([, value]) => drawable.safeParse(value).success)
  const found =
    name === undefined ? (flows.find(([key]) => key === "default") ?? flows[0]) : flows.find(([key]) => key === name)
  if (!found) {
    const list = flows.map(([key]) => key).join(", ") || "none"
    throw usageError(
      `${file} exports no flow${name === undefined ? "" : ` called ${name}`}. Flows it exports: ${list}.`,
    )
  }
  const flow = drawable.parse(found[1])
  terminal.stdout.write(`${options.json ? JSON.stringify(flow.toJSON(), null, 2) : flow.toMermaid()}\n`)
  return exitCodes.done
}
