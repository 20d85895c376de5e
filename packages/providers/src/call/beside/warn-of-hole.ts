import { currentScope } from "@sluice/core"
import { readBody } from "../../http/body.ts"
import { type FetchInput, headerReader } from "../../http/request.ts"
import { at, textAt } from "../../vendors/reading/json-path.ts"
import type { FetchContext } from "../context.ts"
import { CallEvents } from "../telling/events.ts"

/**
 * Tells once per host of a POST that may be a model call and is recognised by nobody. Who told a limit relies on it, so any
 * such POST is worth a word; who told none hears of one that has the body of a model call.
 */
export function warnOfHole(
  context: FetchContext,
  { host }: URL,
  input: FetchInput,
  init: RequestInit | undefined,
): void {
  const about = `not-limited ${host}`
  if (context.warned.has(about)) return
  const tell = (what: string, missing: string): void =>
    new CallEvents(context, currentScope()).warnOnce(
      "not-limited",
      `A POST to ${host} ${what}, so ${missing}. Name the vendor whose protocol it speaks (vendor: "openai-compatible"), or limit every POST (everything: true).`,
      about,
    )
  if (context.isLimited) return tell("is no model call that is known", "no limit holds it back")
  const tellIfAsked = ({ json }: { readonly json: unknown }): void => {
    if (asksModel(json)) tell("looks like a model call and is none that is known", "it has no quota and is not retried")
  }
  // A copy: the request itself is sent as it stands.
  const body = init?.body ?? (input instanceof Request && !input.bodyUsed ? input.clone() : undefined)
  if (body instanceof ReadableStream) return
  const read = readBody(
    body,
    // Else a file may be read whole for nothing.
    () => headerReader(input, init)("content-type")?.includes("json") ?? false,
    () => init?.signal ?? new AbortController().signal,
  )
  if (read instanceof Promise) read.then(tellIfAsked, () => undefined)
  else tellIfAsked(read)
}

const asked = ["messages", "prompt", "input", "inputs", "contents", "texts", "documents"] as const

/** Whether a body is a model's name with what it is asked, or a conversation as vendors write it. */
function asksModel(json: unknown): boolean {
  if (textAt(json, "model") !== undefined) return asked.some((field) => at(json, field) !== undefined)
  return textAt(json, "messages", 0, "role") !== undefined || Array.isArray(at(json, "contents", 0, "parts"))
}
