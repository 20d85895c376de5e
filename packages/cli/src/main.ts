#!/usr/bin/env node
import { systemClock } from "@sluice/scheduler"
import { runProgram } from "./run-program.ts"

// A run makes much garbage that dies young; V8 would keep 100 MB of room for it, and let the rest grow to twice what is
// used before it looks. Both can only be set when a process starts; replacing the process keeps its pid, terminal and
// signals. Where that is not possible, it is as well without.
const slimmer = ["--max-semi-space-size=4", "--heap-growing-percent=20"]
if (process.platform !== "win32" && !slimmer.every((flag) => process.execArgv.includes(flag))) {
  process.execve?.(process.execPath, [process.execPath, ...slimmer, ...process.execArgv, ...process.argv.slice(1)])
}

// A reader that has seen enough (`| head`) ends the program quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

process.exitCode = await runProgram(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  onInterrupt(listener) {
    const signals = ["SIGINT", "SIGTERM"] as const
    for (const signal of signals) process.on(signal, listener)
    return () => {
      for (const signal of signals) process.off(signal, listener)
    }
  },
})
