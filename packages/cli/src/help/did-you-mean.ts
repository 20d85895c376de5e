import { nearestName } from "@sluice/core/internal"
import type { Command } from "commander"

const goesOn = "(A run goes on when its `sluice run` command is given again; --retry-failed asks its failures again.)"
const isSeen = "(`sluice ps` shows what runs, `sluice runs` what is recorded, `sluice inspect RUN` one run.)"
const keys =
  "(Keys come from the environment, or from .env beside the configuration: OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_GENERATIVE_AI_API_KEY, SLUICE_API_KEY.)"

/** What other programs call it. */
const otherCommands = new Map([
  ...["resume", "continue", "retry", "restart"].map((word) => [word, goesOn] as const),
  ...["status", "list", "ls", "show"].map((word) => [word, isSeen] as const),
])
const otherOptions = new Map([
  ...["resume", "continue"].map((word) => [word, goesOn] as const),
  ...["api-key", "key-file", "token"].map((word) => [word, keys] as const),
])
/** Names without a part in common. */
const sameOptions = new Map([
  ["output", "out"],
  ["filter", "where"],
  ["parallel", "concurrency"],
  ["threads", "concurrency"],
  ["n", "limit"],
  ["num", "limit"],
  ["max-cost", "budget-usd"],
  ["endpoint", "base-url"],
  ["provider", "model"],
  ["image", "attach"],
  ["images", "attach"],
  ["batch", "lane"],
])

/** Of a command that there is none of: what was meant, in brackets, or nothing. */
export function commandMeant(program: Command, word: string): string {
  const names = program.commands.map((command) => command.name())
  return otherCommands.get(word) ?? bracketed(misspelt(word, names))
}

/** Of an option that the command does not have. */
export function optionMeant(command: Command | undefined, word: string): string {
  const name = word.replace(/^-+/, "").replace(/=.*$/s, "")
  const hint = otherOptions.get(name)
  if (hint !== undefined) return hint
  const names = (command?.options ?? []).flatMap(({ long }) => long?.slice(2) ?? [])
  const known = sameOptions.get(name)
  const meant = known !== undefined && names.includes(known) ? [known] : alike(name, names)
  return bracketed(meant.slice(0, 3).map((each) => `--${each}`))
}

/** By their parts first: what begins or ends otherwise may be as near in letters, and mean something else. */
function alike(name: string, names: readonly string[]): readonly string[] {
  const parts = name.split("-")
  const partsOf = (other: string): readonly string[] => other.split("-")
  const rules = [
    (other: string): boolean => parts.every((part) => partsOf(other).includes(part)),
    (other: string): boolean => partsOf(other).every((part) => parts.includes(part)),
    (other: string): boolean =>
      Math.min(name.length, other.length) > 2 && (other.startsWith(name) || name.startsWith(other)),
  ]
  for (const rule of rules) {
    const found = names.filter(rule)
    if (found.length > 0) return found
  }
  return misspelt(name, names)
}

function misspelt(name: string, names: readonly string[]): readonly string[] {
  const found = nearestName(name, names)
  return found === undefined ? [] : [found]
}

function bracketed(meant: readonly string[]): string {
  if (meant.length === 0) return ""
  return meant.length === 1 ? `(Did you mean ${meant[0]}?)` : `(Did you mean one of ${meant.join(", ")}?)`
}
