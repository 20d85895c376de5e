import type { Command, Option } from "commander"

export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

interface Completed {
  readonly name: string
  readonly about: string
  readonly options: readonly Option[]
  /** What its arguments may be; of others, files are offered. */
  readonly choices: readonly string[]
}

/** A completion script made from the program itself, so that it knows every command, option and choice. */
export function completionScript(program: Command, shell: Shell, helpPages: readonly string[]): string {
  const commands = program.commands.map((command) => {
    const options = [command, ...command.commands].flatMap((one) => one.options.filter(({ long }) => long))
    return {
      name: command.name(),
      about: command.description(),
      // What several commands within one share is offered once.
      options: [...new Map(options.map((option) => [option.long, option])).values()],
      choices: [
        ...command.commands.map((inner) => inner.name()),
        ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
        ...(command.name() === "help" ? [...helpPages, ...program.commands.map((one) => one.name())] : []),
      ],
    }
  })
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands)
}

/** The scripts are sourced, also by a zsh that has not loaded its completion yet. */
function zshScript(commands: readonly Completed[]): string {
  const described = (name: string, about: string): string => `'${name}:${about.replaceAll("'", String.raw`'\''`)}'`
  const list = commands.map(({ name, about }) => described(name, about))
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ short, long, required, argChoices = [] }) => {
      if (!required) return []
      const flags = [short, long].filter((flag) => flag).map((flag) => `${name}:${flag}`)
      const offered = argChoices.length > 0 ? `compadd -- ${argChoices.join(" ")}` : "_files"
      return [`    ${flags.join(" | ")}) ${offered}; return ;;`]
    }),
  )
  const words = commands.map(({ name, options, choices }) => {
    const long = options.map((option) => described(option.long ?? "", option.description))
    const offered = choices.length > 0 ? `compadd -- ${choices.join(" ")}` : "_files"
    const flags = long.length > 0 ? `found=(${long.join(" ")}); _describe -o option found` : ":"
    return `    ${name}) if [[ "$PREFIX" == -* ]]; then ${flags}; else ${offered}; fi ;;`
  })
  return [
    "#compdef sluice",
    "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }",
    "_sluice() {",
    "  local -a found",
    `  if (( CURRENT == 2 )); then found=(${list.join(" ")}); _describe command found; return; fi`,
    '  case "$words[2]:$words[CURRENT-1]" in',
    ...values,
    "  esac",
    '  case "$words[2]" in',
    ...words,
    "  esac",
    "}",
    "compdef _sluice sluice",
  ].join("\n")
}

function fishScript(commands: readonly Completed[]): string {
  return commands
    .flatMap(({ name, about, options, choices }) => {
      const within = `complete -c sluice -n '__fish_seen_subcommand_from ${name}'`
      return [
        `complete -c sluice -n __fish_use_subcommand -f -a ${name} -d '${quoted(about)}'`,
        ...(choices.length > 0 ? [`${within} -f -a '${choices.join(" ")}'`] : []),
        ...options.map(({ long = "", description, required, argChoices }) => {
          const value = argChoices ? ` -x -a '${argChoices.join(" ")}'` : required ? " -r" : ""
          return `${within} -l ${long.slice(2)}${value} -d '${quoted(description)}'`
        }),
      ]
    })
    .join("\n")
}

function bashScript(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(" ")
  const words = commands.map(({ name, options, choices }) => {
    const long = options.map((option) => option.long).join(" ")
    return `    ${name}) if [[ "$word" == -* ]]; then words="${long}"; else words="${choices.join(" ")}"; fi ;;`
  })
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ short, long, required, argChoices = [] }) => {
      if (!required) return []
      const flags = [short, long].filter((flag) => flag).map((flag) => `${name}:${flag}`)
      return [`    ${flags.join(" | ")}) words="${argChoices.join(" ")}" ;;`]
    }),
  )
  return [
    "_sluice() {",
    '  local words="" word="${COMP_WORDS[COMP_CWORD]}"',
    '  case "${COMP_WORDS[1]}" in',
    ...words,
    "  esac",
    `  if [[ "$COMP_CWORD" == 1 ]]; then words="${names}"; fi`,
    '  case "${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]}" in',
    ...values,
    "  esac",
    "  # Where there are no words, files are offered.",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    "complete -o default -F _sluice sluice",
  ].join("\n")
}

function quoted(text: string): string {
  return text.replaceAll("'", String.raw`\'`)
}
