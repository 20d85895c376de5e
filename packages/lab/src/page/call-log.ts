import type { VendorName } from "../server/wire/model-call.ts"

/** A call as the page lists it: without prompt, answer and key, since the page asks nobody for a token. */
export interface SeenCall {
  readonly number: number
  readonly atMs: number
  readonly api: VendorName
  readonly model: string
  readonly inputTokens: number
  /** Why it was refused, or what goes wrong with it. */
  readonly trouble?: string
  /** Of HTTP, once the answer is out; 0 where the connection was cut. */
  readonly status?: number
  readonly tookMs?: number
}

const mostKept = 30

/** The last calls. */
export class CallLog {
  #calls: readonly SeenCall[] = []
  #count = 0

  /** With times since a moment. */
  since(startMs: number): SeenCall[] {
    return this.#calls.map((call) => ({ ...call, atMs: call.atMs - startMs }))
  }

  /** Answers what is to be called when it is over. */
  begin(call: Omit<SeenCall, "number" | "status" | "tookMs">): (status: number, atMs: number) => void {
    const number = ++this.#count
    this.#calls = [...this.#calls.slice(1 - mostKept), { ...call, number }]
    return (status, atMs) => {
      this.#calls = this.#calls.map((each) =>
        each.number === number ? { ...each, status, tookMs: atMs - each.atMs } : each,
      )
    }
  }
}
