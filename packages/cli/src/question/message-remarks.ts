import { z } from "zod"
import { countOf, formatCount } from "../display/quantities.ts"
import { isAsking, type Question } from "./compile-question.ts"
import type { InputRecord } from "./prompt-template.ts"

interface Counts {
  readonly read: number
  /** Whose messages end with the assistant's. */
  readonly answered: number
  /** Whose messages a prompt takes the place of. */
  readonly unsent: number
}

const kept: z.ZodType<Counts> = z.object({ read: z.number(), answered: z.number(), unsent: z.number() })

/** What a person would want to know of the messages that inputs bring, before they are paid for: counted as inputs are read. */
export class MessageRemarks {
  #counts: Counts = { read: 0, answered: 0, unsent: 0 }

  see(questions: Iterable<Question>, { messages }: InputRecord): void {
    const { read, answered, unsent } = this.#counts
    const own = [...questions].filter(({ request }) => !request)
    const last = Array.isArray(messages) ? (messages.at(-1) as { role?: unknown } | null | undefined)?.role : undefined
    const isAnswered = last === "assistant" && own.some(({ texts }) => !isAsking(texts))
    const isUnsent = last !== undefined && own.length > 0 && own.every(isWithout)
    this.#counts = { read: read + 1, answered: answered + Number(isAnswered), unsent: unsent + Number(isUnsent) }
  }

  /** Kept with what was read, for the command that does not read it again. */
  get counts(): Counts {
    return this.#counts
  }

  recall(counts: unknown): void {
    this.#counts = kept.safeParse(counts).data ?? this.#counts
  }

  words(): string[] {
    const { read, answered, unsent } = this.#counts
    const of = (count: number): string =>
      `${formatCount(count)} of ${countOf(read, "input")} ${count === 1 ? "has" : "have"}`
    return [...(answered > 0 ? [answeredAlready(of(answered))] : []), ...(unsent > 0 ? [notSent(of(unsent))] : [])]
  }

  /** Of the first input that there is something to tell of, where nobody knows how many come. */
  wordsOf(where: string, before: Counts): string[] {
    const { answered, unsent } = this.#counts
    return [
      ...(answered > 0 && before.answered === 0 ? [answeredAlready(`${where} has`)] : []),
      ...(unsent > 0 && before.unsent === 0 ? [notSent(`${where} has`)] : []),
    ]
  }
}

function answeredAlready(who: string): string {
  return `${who} "messages" that end with an answer of the assistant, which is sent too: the model goes on after it. To have it answered anew, cut it off first: jq -c 'if .messages[-1].role == "assistant" then .messages |= .[:-1] else . end'`
}

function notSent(who: string): string {
  return `${who} "messages" that are not sent: the prompt takes their place.`
}

/** It asks in words of its own, and names the messages nowhere. */
function isWithout({ texts }: Question): boolean {
  const { prompt, system, messages } = texts
  return isAsking(texts) && ![prompt, system, ...messages.map(({ content }) => content)].join("\n").includes("messages")
}
