/** A piece of work that begins: an attempt at an item, or a call to a model with all its attempts. Its end is told as an event. */
export type BegunWork =
  | {
      readonly type: "attempt"
      readonly atMs: number
      readonly runId: string
      /** The item's, of which this is an attempt; in a step the node's. */
      readonly spanId: number
      readonly node: string
      readonly index: number
      readonly attempt: number
    }
  | ({ readonly type: "call"; readonly atMs: number; readonly wallMs: number } & CallFacts & {
        readonly runId?: string
        readonly spanId?: number
      })

/** What is known of a call to a model before it is sent. Never a key, never a prompt. */
export interface CallFacts {
  readonly vendor: string
  /** The vendor's name for the operation: `chat/completions`, `messages`, `generateContent`. */
  readonly endpoint: string
  readonly model: string
  readonly stream: boolean
  /** Where it goes. Not known of a model whose provider sends by itself. */
  readonly host?: string
  readonly port?: number
  readonly maxOutputTokens?: number
}
