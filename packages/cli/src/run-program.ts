import { SluiceError } from "@sluice/core"
import { redactSecrets } from "@sluice/journal"
import { CommanderError } from "commander"
import { createProgram } from "./create-program.ts"
import { exitCodes } from "./exit-codes.ts"
import { keysIn } from "./run/model-name.ts"
import type { Terminal } from "./display/terminal.ts"

const usageCodes = new Set([
  "usage",
  "invalid-option",
  "duplicate-key",
  "journal-locked",
  "journal-unreadable",
  "journal-version",
])

/** Runs `sluice ARGUMENTS` and answers the exit code. Errors that a person can mend are one line on standard error. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.done
  const program = createProgram(terminal, (exit) => (code = exit))
  try {
    await program.parseAsync(args, { from: "user" })
    return code
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const text = SluiceError.isInstance(error) ? error.message : ((error as Error).stack ?? String(error))
    terminal.stderr.write(`sluice: ${redactSecrets(text, keysIn(terminal.env))}\n`)
    return SluiceError.isInstance(error) && usageCodes.has(error.code) ? exitCodes.usage : exitCodes.someFailed
  }
}
