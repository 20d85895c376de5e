import { exitCodes } from "../exit-codes.ts"
import type { Terminal } from "../display/terminal.ts"
import { loadFlow } from "./load-flow.ts"

/** `sluice graph FLOW.ts [NAME]`: the flow that a module exports, as a Mermaid flowchart or as JSON. */
export async function graphCommand(
  file: string,
  name: string | undefined,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const flow = await loadFlow(file, name)
  terminal.stdout.write(`${options.json ? JSON.stringify(flow.toJSON(), null, 2) : flow.toMermaid()}\n`)
  return exitCodes.done
}
