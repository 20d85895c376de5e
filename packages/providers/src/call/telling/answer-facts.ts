import type { CallContent } from "@sluice/core"
import { at, textAt } from "../../vendors/reading/json-path.ts"

/** Where the vendors write which model answered, under which id, and why it stopped: whole, or as the first event of a stream. */
const models = [["model"], ["modelVersion"], ["message", "model"], ["response", "model"]]
const ids = [["id"], ["responseId"], ["message", "id"], ["response", "id"]]
const reasons = [
  ["stop_reason"],
  ["delta", "stop_reason"],
  ["stopReason"],
  ["finish_reason"],
  ["delta", "finish_reason"],
  ["done_reason"],
  ["finishReason"],
  ["finishReason", "unified"],
  ["incomplete_details", "reason"],
  ["response", "incomplete_details", "reason"],
  ["response", "status"],
]
/** Of a stream's events, those that may say why it stopped. */
const mayEnd = /"(?:finish_?reason|stop_?reason|done_reason)"\s*:\s*["{]|"response\.(?:completed|incomplete|failed)"/i

/**
 * What an answer says of itself beside its text, in any vendor's form. Read only for who listens. The text itself is kept only for who
 * asks for it.
 */
export class AnswerFacts {
  model: string | undefined
  id: string | undefined
  readonly #reasons: string[] = []
  readonly keepsContent: boolean
  readonly #hide: (text: string) => string
  #answer: unknown
  #pieces: string[] | undefined
  #hasBegun = false

  /** `hide`: keys out of what a vendor may have echoed. */
  constructor(keepsContent: boolean, hide: (text: string) => string = (text) => text) {
    this.keepsContent = keepsContent
    this.#hide = hide
  }

  get finishReasons(): readonly string[] {
    return this.#reasons.filter((reason) => reason !== undefined)
  }

  get content(): CallContent {
    return {
      ...(this.#answer !== undefined && { answer: this.#answer }),
      ...(this.#pieces && { pieces: this.#pieces }),
    }
  }

  /** The whole answer, parsed. */
  whole(body: unknown): void {
    if (this.keepsContent) this.#answer = body
    this.#read(body)
    // OpenAI's responses say `completed` where others give a reason.
    if (this.#reasons.length === 0 && textAt(body, "object") === "response") this.#because(0, textAt(body, "status"))
  }

  /** The data of an event of a stream. */
  event(data: string): void {
    if (this.keepsContent) (this.#pieces ??= []).push(data)
    if (this.#hasBegun && !mayEnd.test(data)) return
    this.#hasBegun = true
    try {
      this.#read(JSON.parse(data))
    } catch {
      // `[DONE]`, and whatever else is no JSON.
    }
  }

  #read(body: unknown): void {
    this.model ??= this.#told(first(body, models))
    this.id ??= this.#told(first(body, ids))
    const choices = at(body, "choices") ?? at(body, "candidates")
    if (Array.isArray(choices)) {
      for (const [place, choice] of choices.entries()) {
        const index = at(choice, "index")
        this.#because(
          typeof index === "number" && index < mostChoices ? index : place,
          textAt(choice, "finish_reason") ?? textAt(choice, "finishReason"),
        )
      }
    } else this.#because(0, first(body, reasons))
  }

  #told(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.#hide(text.slice(0, longestRead)).slice(0, longestName)
  }

  #because(choice: number, reason: string | undefined): void {
    if (reason) this.#reasons[choice] = this.#told(reason)!
  }
}

// Characters. What is longer is no name; read so far that no half of a key is left.
const longestName = 200
const longestRead = 4_000

/** What vendors allow for `n`. */
const mostChoices = 128

function first(body: unknown, paths: readonly (readonly string[])[]): string | undefined {
  for (const keys of paths) {
    const found = textAt(body, ...keys)
    if (found) return found
  }
  return undefined
}
