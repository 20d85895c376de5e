import type { AnswerFacts } from "../call/telling/answer-facts.ts"
import { at, textAt } from "../vendors/reading/json-path.ts"

interface Said {
  readonly type: "text" | "reasoning"
  text: string
}

/** What an answer of the AI SDK says of itself, whole or by its parts, for who listens. */
export class ToldAnswer {
  readonly #facts: AnswerFacts | undefined
  readonly #content: unknown[] = []
  #id: string | undefined
  #model: string | undefined

  /** `facts`: absent where nobody listens. */
  constructor(facts: AnswerFacts | undefined) {
    this.#facts = facts
  }

  get facts(): AnswerFacts | undefined {
    return this.#facts
  }

  whole(result: unknown): void {
    this.#metadata(at(result, "response"))
    this.#end(at(result, "content"), result)
  }

  part(type: string, part: unknown): void {
    if (!this.#facts) return
    if (type === "text-delta" || type === "reasoning-delta")
      this.#add(type === "text-delta" ? "text" : "reasoning", part)
    else if (type === "response-metadata") this.#metadata(part)
    else if (type === "tool-call" || type === "tool-result") this.#content.push(part)
    else if (type === "finish") this.#end(this.#content, part)
  }

  #metadata(of: unknown): void {
    this.#id = textAt(of, "id")
    this.#model = textAt(of, "modelId")
  }

  #add(type: Said["type"], part: unknown): void {
    if (!this.#facts?.keepsContent) return
    const last = this.#content.at(-1) as Said | undefined
    const text = textAt(part, "delta") ?? ""
    if (last?.type === type) last.text += text
    else this.#content.push({ type, text } satisfies Said)
  }

  #end(content: unknown, of: unknown): void {
    this.#facts?.whole({ id: this.#id, model: this.#model, content, finishReason: at(of, "finishReason") })
  }
}
