#!/usr/bin/env node
import { systemClock } from "@sluice/scheduler"
import { runProgram } from "./run-program.ts"

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
