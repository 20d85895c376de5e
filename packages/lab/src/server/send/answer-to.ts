import { composeAnswer, type SimulatedAnswer } from "../../answers/answer.ts"
import { conformToSchema } from "../../answers/conform-to-schema.ts"
import { offSchema } from "../../answers/off-schema.ts"
import { countTokens } from "../../answers/token-count.ts"
import { BadRequest, type WireCall } from "../wire/model-call.ts"
import type { VendorState } from "../vendor-state.ts"
import type { WireFormat } from "../wire/wire-format.ts"
import { hash } from "node:crypto"

const silence: SimulatedAnswer = { text: "", finish: "stop", outputTokens: 0 }

/** The model's answer. Throws `BadRequest` for a schema that nobody can fulfil. */
export function answerTo(format: WireFormat, call: WireCall, { answer }: VendorState): SimulatedAnswer {
  if (format.silent) return silence
  // What a user's own function throws is no fault of the request.
  if (typeof answer === "function") return composeAnswer(call, answer)
  return orBadRequest(() => composeAnswer(call, answer))
}

function orBadRequest<T>(compose: () => T): T {
  try {
    return compose()
  } catch (error) {
    throw new BadRequest(`Invalid schema: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Throws `BadRequest` at once for a schema that nobody can fulfil: a batch must not find out when it is done. */
export function checkAnswerable({ schema, forcedTool }: WireCall): void {
  for (const asked of [schema, forcedTool?.parameters])
    if (asked !== undefined) orBadRequest(() => conformToSchema(asked, ""))
}

/** The same answer as a model gives that does not keep to the schema; `undefined` where none was asked for. */
export function answerOffSchema(call: WireCall, answer: SimulatedAnswer, luck: number): SimulatedAnswer | undefined {
  const schema = call.forcedTool?.parameters ?? call.schema
  if (schema === undefined) return undefined
  // A tool's arguments stay JSON, as wrong as they are.
  const text = offSchema(schema, answer.text, answer.toolName === undefined ? luck : 1 / 3 + (luck * 2) / 3)
  return { ...answer, text, outputTokens: Math.max(1, countTokens(text)) }
}

/** One request of a batch. */
export interface BatchItem {
  readonly customId: string
  readonly format: WireFormat
  readonly call: WireCall
}

/** What a live call would have been answered, or `undefined` when the request fails; counted either way. */
export function answerItem({ format, call }: BatchItem, fails: boolean, state: VendorState): object | undefined {
  const bodyHash = hash("sha1", JSON.stringify(call.body))
  if (fails) {
    state.memory.countItem(bodyHash)
    return undefined
  }
  const answer = answerTo(format, call, state)
  state.memory.countItem(bodyHash, { input: call.inputTokens, output: answer.outputTokens })
  const createdS = Math.floor(state.clock.wallNow() / 1000)
  return format.body({ id: state.memory.nextId(""), createdS, call }, answer)
}
