import type { InputRecord } from "./prompt-template.ts"

/** A conversation that an input has under another name than `messages`, and how it becomes one; nothing where there is none. */
export function namedOtherwise(record: InputRecord): string {
  for (const [field, list] of Object.entries(record)) {
    if (!Array.isArray(list) || list.length === 0 || !/^[A-Za-z_]\w*$/.test(field)) continue
    const isOf = (...names: string[]): boolean =>
      list.every(
        (one: unknown) => typeof one === "object" && one !== null && names.every((name) => Object.hasOwn(one, name)),
      )
    if (isOf("role", "content")) {
      return ` It has a list "${field}" of {"role", "content"}: jq -c '.messages = .${field}' renames it.`
    }
    if (isOf("from", "value")) {
      return ` It has a list "${field}" of {"from", "value"} (as ShareGPT): jq -c '.messages = [.${field}[] | {role: ({human: "user", gpt: "assistant"}[.from] // .from), content: .value}]' makes messages of it.`
    }
  }
  return ""
}
