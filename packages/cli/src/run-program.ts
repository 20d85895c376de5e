import { SluiceError } from "@sluice/core"
import { CommanderError } from "commander"
import { printableText } from "./display/printable.ts"
import { createProgram } from "./create-program.ts"
import { exitCodes } from "./exit-codes.ts"
import { keysIn } from "./model/model-name.ts"
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
    const { code: cause, syscall, message, stack } = error as NodeJS.ErrnoException
    if (cause === "EPIPE") return exitCodes.done
    // What the system says of a file or a pipe says enough; anything else is a fault of ours.
    const text = SluiceError.isInstance(error) || syscall !== undefined ? message : (stack ?? String(error))
    // Loaded when it is needed: a command that only prints its version has no keys to hide.
    const { redactSecrets } = await import("@sluice/journal")
    terminal.stderr.write(`sluice: ${printableText(redactSecrets(text, keysIn(terminal.env)))}\n`)
    return SluiceError.isInstance(error) && usageCodes.has(error.code) ? exitCodes.usage : exitCodes.someFailed
  }
}
