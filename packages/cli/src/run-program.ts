import { SluiceError } from "@sluice/core"
import { type Command, CommanderError } from "commander"
import { printable, printableText } from "./display/printable.ts"
import { createProgram } from "./create-program.ts"
import { exitCodes } from "./exit-codes.ts"
import { keysIn } from "./model/model-name.ts"
import type { Terminal } from "./display/terminal.ts"

const usageCodes = new Set([
  "usage",
  "invalid-option",
  "duplicate-key",
  "journal-locked",
  "run-locked",
  "journal-unreadable",
  "journal-version",
])

/** Paths that lead nowhere, in circles, or where one may not go. */
const pathCodes = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EACCES", "EPERM", "EROFS"])

/** Runs `sluice ARGUMENTS` and answers the exit code. Errors that a person can mend are one line on standard error. */
export async function runProgram(args: readonly string[], process: Terminal): Promise<number> {
  // Its own: a command adds the keys that it reads from a file, so that none is told in an error.
  const terminal = { ...process, env: { ...process.env } }
  let code: number = exitCodes.done
  const program = createProgram(terminal, (exit) => (code = exit))
  try {
    await program.parseAsync(args, { from: "user" })
    return code
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) {
      const hint = await hintFor(error, program, args[0] ?? "")
      if (hint !== "") terminal.stderr.write(`${hint}\n`)
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    }
    const { code: cause, syscall, message, stack } = error as NodeJS.ErrnoException
    if (cause === "EPIPE") return exitCodes.done
    // What the system says of a file or a pipe says enough; anything else is a fault of ours.
    const isTold = SluiceError.isInstance(error) || syscall !== undefined
    const text = isTold ? message : (stack ?? String(error))
    // Loaded when it is needed: a command that only prints its version has no keys to hide.
    const { redactSecrets } = await import("@sluice/journal")
    // In one line, whatever line ends a file's name or a vendor's word has; a stack has its own.
    const shown = (isTold ? printable : printableText)(redactSecrets(text, keysIn(terminal.env)))
    terminal.stderr.write(`sluice: ${shown}\n`)
    const isUsage = SluiceError.isInstance(error) ? usageCodes.has(error.code) : pathCodes.has(cause ?? "")
    return isUsage ? exitCodes.usage : exitCodes.someFailed
  }
}

/** What may have been meant by a word that is not known; else nothing. */
async function hintFor({ code, message }: CommanderError, program: Command, name: string): Promise<string> {
  if (code !== "commander.unknownCommand" && code !== "commander.unknownOption") return ""
  const { commandMeant, optionMeant } = await import("./help/did-you-mean.ts")
  const [, word = ""] = /'(.+)'/s.exec(message) ?? []
  if (code === "commander.unknownCommand") return commandMeant(program, word)
  return optionMeant(program.commands.find((command) => command.name() === name) ?? program, word)
}
