import type { Answer } from "../answers/answer.ts"
import type { ModelCall, VendorName } from "./model-call.ts"

/** One call that was let in, with what its answer needs. */
export interface Exchange {
  /** Unique on this server; each format puts its own prefix before it. */
  readonly id: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly call: ModelCall
}

/** A streamed answer: `opening`, then one `piece` for each part of the text, then `closing`. All are encoded events. */
export interface StreamScript {
  readonly opening: string
  piece(text: string): string
  readonly closing: string
}

/** How one endpoint writes calls and answers. Pure: no clock, no sockets. */
export interface WireFormat {
  readonly vendor: VendorName
  /** Throws `BadRequest` when the body makes no sense. `params` are those of the path. */
  readCall(body: Readonly<Record<string, unknown>>, params: Readonly<Record<string, string>>): ModelCall
  body(exchange: Exchange, answer: Answer): object
  script(exchange: Exchange, answer: Answer): StreamScript
}
