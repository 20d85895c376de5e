import type { Command } from "commander"

export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

/** A completion script made from the program itself, so that it knows every command and option. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    options: command.options.flatMap(({ long, description }) => (long ? [{ long, description }] : [])),
  }))
  if (shell === "fish") {
    return commands
      .flatMap(({ name, about, options }) => [
        `complete -c sluice -n __fish_use_subcommand -a ${name} -d '${quoted(about)}'`,
        ...options.map(
          ({ long, description }) =>
            `complete -c sluice -n '__fish_seen_subcommand_from ${name}' -l ${long.slice(2)} -d '${quoted(description)}'`,
        ),
      ])
      .join("\n")
  }
  const cases = commands.map(
    ({ name, options }) => `    ${name}) words="${options.map(({ long }) => long).join(" ")}" ;;`,
  )
  const names = commands.map(({ name }) => name).join(" ")
  return [
    ...(shell === "zsh" ? ["autoload -U +X bashcompinit && bashcompinit"] : []),
    "_sluice() {",
    '  local words="" word="${COMP_WORDS[COMP_CWORD]}"',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    `    *) words="${names}" ;;`,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    "complete -o default -F _sluice sluice",
  ].join("\n")
}

function quoted(text: string): string {
  return text.replaceAll("'", String.raw`\'`)
}
