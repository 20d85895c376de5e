import type { SimulatedAnswer } from "../../answers/answer.ts"
import type { WireCall, VendorName } from "./model-call.ts"

/** One call that was let in, with what its answer needs. */
export interface Exchange {
  /** Unique on this server; each format puts its own prefix before it. */
  readonly id: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly call: WireCall
}

/** A streamed answer: the opening, a piece for each part of the text, the closing; each asked for once and in this order. All are encoded events. */
export interface StreamScript {
  opening(): string
  piece(text: string): string
  closing(): string
  /** In place of what is still to come: the error event of a stream that breaks after HTTP 200. */
  broken(): string
}

/** How one endpoint writes calls and answers. Pure: no clock, no sockets. */
export interface WireFormat {
  readonly vendor: VendorName
  /** The model says nothing: embeddings. */
  readonly silent?: true
  /** Throws `BadRequest` when the body makes no sense. `params` are those of the path. */
  readCall(body: Readonly<Record<string, unknown>>, params: Readonly<Record<string, string>>): WireCall
  body(exchange: Exchange, answer: SimulatedAnswer): object
  script(exchange: Exchange, answer: SimulatedAnswer): StreamScript
}
