import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Node } from "@sluice/core"
import { checkProgram } from "../files/check-program.ts"
import { usageError } from "../usage-error.ts"

/** The flow that a module exports: the one of that name, else the default one, else the first. @throws usage error */
export async function loadFlow(file: string, name: string | undefined): Promise<Node<never>> {
  checkProgram(file, file)
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>
  } catch (error) {
    throw usageError(`${file}: cannot be loaded (${(error as Error).message}).`)
  }
  const flows = Object.entries(exported).filter((entry): entry is [string, Node<never>] => isFlow(entry[1]))
  const found =
    name === undefined ? (flows.find(([key]) => key === "default") ?? flows[0]) : flows.find(([key]) => key === name)
  if (found) return found[1]
  const list = flows.map(([key]) => key).join(", ") || "none"
  throw usageError(`${file} exports no flow${name === undefined ? "" : ` called ${name}`}. Flows it exports: ${list}.`)
}

function isFlow(value: unknown): value is Node<never> {
  return typeof value === "object" && value !== null && "toMermaid" in value && "toJSON" in value
}
