#!/usr/bin/env node
// Nothing is imported before the version is known: an older Node would end in words that help nobody.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `sluice: Node 22.18 or later is needed; this is ${process.version}. Upgrade Node: https://nodejs.org\n`,
  )
  process.exit(2)
}

// A run makes much garbage that dies young; V8 would keep 100 MB of room for it, and let the rest grow to twice what is
// used before it looks. Both can only be set when a process starts; replacing the process keeps its pid, terminal and
// signals. Where that is not possible, it is as well without.
// With a page a fifth more stays alive, which each collection looks through: there are half as many, so that a page costs
// a run some memory in place of time (docs/benchmarks/page.md).
const hasPage = process.argv.some((argument) => /^--ui(?:=|$)/.test(argument))
const slimmer = ["--max-semi-space-size=4", `--heap-growing-percent=${hasPage ? 60 : 20}`]
const isRun = process.argv[2] === "run" && process.platform !== "win32"
if (isRun && !slimmer.every((flag) => process.execArgv.includes(flag))) {
  process.execve?.(process.execPath, [process.execPath, ...slimmer, ...process.execArgv, ...process.argv.slice(1)])
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A run hears of it too, and ends in good order.
  if (process.stdout.listenerCount("error") > 1) return
  // A reader that has seen enough (`| head`) ends the program quietly.
  if (error.code === "EPIPE") process.exit(0)
  process.stderr.write(`sluice: Cannot write standard output: ${error.message}.\n`)
  process.exit(1)
})
// What is told on standard error is not worth ending for, where nobody hears it.
process.stderr.on("error", () => {})

const [{ systemClock }, { runProgram }, { terminalKeys }] = await Promise.all([
  import("@sluice/scheduler"),
  import("./run-program.ts"),
  import("./ui/terminal-keys.ts"),
])

process.exitCode = await runProgram(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  onInterrupt(listener) {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
    for (const signal of signals) process.on(signal, listener)
    return () => {
      for (const signal of signals) process.off(signal, listener)
    }
  },
  ...(process.stdin.isTTY && { onKey: terminalKeys(process.stdin) }),
})
