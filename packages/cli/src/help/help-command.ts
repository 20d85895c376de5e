import type { Command, Option } from "commander"
import { usageError } from "../usage-error.ts"
import { type HelpPage, helpPages } from "./help-pages.ts"

const width = 78

/** `sluice help TOPIC`: a page by task; of a command, its own help. Without one, which there are. */
export function helpText(program: Command, topic: string | undefined): string {
  if (topic === undefined) return overview()
  const page = helpPages.find(({ name }) => name === topic)
  if (page) return pageText(page, optionsOf(program, page))
  const command = program.commands.find((one) => one.name() === topic)
  if (command) return command.helpInformation()
  throw usageError(`help: there is no page or command "${topic}". Pages: ${names().join(", ")}.`)
}

export function names(): string[] {
  return helpPages.map(({ name }) => name)
}

/** Those that a page names, and those of its headings that no page does: every option is on one. */
export function optionsOf(program: Command, { options, headings = [] }: HelpPage): Option[] {
  const all = program.commands.find((command) => command.name() === "run")?.options ?? []
  const named = new Set(helpPages.flatMap((page) => page.options))
  const isOn = (option: Option): boolean =>
    options.includes(option.long ?? "") ||
    (!named.has(option.long ?? "") && headings.includes(option.helpGroupHeading ?? ""))
  return all.filter(isOn)
}

function overview(): string {
  const longest = Math.max(...names().map((name) => name.length))
  const lines = helpPages.map(({ name, about }) => `  ${name.padEnd(longest)}  ${about}`)
  return `Pages by task: sluice help PAGE\n\n${lines.join("\n")}\n\nAll options: sluice run --help. Commands: sluice --help.\n`
}

function pageText({ name, about, examples, text }: HelpPage, options: readonly Option[]): string {
  const blocks = [
    `${name}: ${about}`,
    examples.map(({ does, command }) => `  # ${does}\n  ${command}`).join("\n\n"),
    ...(text === "" ? [] : [wrapped(text, "")]),
    ...(options.length === 0 ? [] : [options.map(optionText).join("\n")]),
  ]
  return `${blocks.join("\n\n")}\n`
}

function optionText({ flags, description, argChoices, defaultValue }: Option): string {
  const choices = argChoices ? ` (${argChoices.join(", ")})` : ""
  const usual = defaultValue === undefined ? "" : ` (default: ${String(defaultValue)})`
  return `  ${flags}\n${wrapped(`${description}${choices}${usual}`, "      ")}`
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(" ")) {
    if (line.length + word.length >= width && line !== indent) {
      lines.push(line.trimEnd())
      line = indent
    }
    line += `${word} `
  }
  return [...lines, line.trimEnd()].join("\n")
}
