import { hash } from "node:crypto"
import { answerTo } from "./answer-to.ts"
import type { WireCall } from "../wire/model-call.ts"
import type { VendorState } from "../vendor-state.ts"
import type { WireFormat } from "../wire/wire-format.ts"

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
