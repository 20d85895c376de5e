import { usageError } from "../usage-error.ts"

/** The words that `--assert` begins with, each with an example of what follows. */
const examples = {
  contains: "yes",
  "not-contains": "sorry",
  equals: "{{label}}",
  matches: "^(yes|no)$",
  json: "score >= 3",
} as const

export type CheckKind = keyof typeof examples

/** `contains yes`, or a function of a module. */
export type ParsedCheck =
  | { readonly kind: CheckKind; readonly rest: string }
  | { readonly file: string; readonly exported: string }

/** Throws what is no check. Looks at no file: a text that the shell has made words of its own is told before it is taken for an input. */
export function parseCheck(text: string): ParsedCheck {
  const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(text.trim()) ?? []
  if (Object.hasOwn(examples, word)) {
    const kind = word as CheckKind
    if (rest !== "") return { kind, rest }
    throw usageError(
      `--assert ${word}: ${word} what? Put both in quotes, as one word: --assert '${word} ${examples[kind]}'.`,
    )
  }
  const [, file = "", exported = "default"] = /^(.+\.[cm]?[jt]s)(?:#(\w+))?$/.exec(text.trim()) ?? []
  if (file !== "") return { file, exported }
  throw usageError(
    `--assert ${text}: wanted one of ${Object.keys(examples).join(", ")} and what, for example 'contains yes', or a module such as ./check.ts or ./check.ts#name.`,
  )
}
