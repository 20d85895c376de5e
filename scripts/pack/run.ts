import { spawnSync } from "node:child_process"
import path from "node:path"

/** Runs a command to its end and returns what it prints; shows it and throws when the command fails. */
export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  })
  if (status === 0) return stdout
  process.stdout.write(stdout ?? "")
  throw new Error(`${path.basename(command)} ${args.join(" ")} failed`, { cause: error })
}
