import path from "node:path"
import { type Printed, runProgram } from "../../docs/run-block.ts"
import { nodePackage } from "./node-package.ts"

/** Run times that npm brings, at the versions that were tried. */
export const runTimes: Readonly<Record<string, string>> = {
  bun: "^1.4.5",
  deno: "^2.9.6",
  "node-20": `npm:${nodePackage}@20`,
  "node-22": `npm:${nodePackage}@22`,
  "node-26": `npm:${nodePackage}@26`,
}

const commands: Readonly<Record<string, readonly string[]>> = {
  "Node 22": ["node-22/bin/node"],
  "Node 26": ["node-26/bin/node"],
  Bun: [".bin/bun", "run"],
  Deno: [".bin/deno", "run", "--allow-all", "--no-lock"],
}

export const runTimeNames: readonly string[] = Object.keys(commands)

/** One that is too old, in the folder where the run times are installed. */
export const olderNode = "node_modules/node-20/bin/node"

/** Runs a module of `folder`, where the run times are installed, as its users do. */
export function runOn(folder: string, name: string, module: string, env: NodeJS.ProcessEnv): Promise<Printed> {
  const [program = "", ...args] = commands[name]!
  return runProgram(path.join(folder, "node_modules", program), folder, [...args, module], env)
}
