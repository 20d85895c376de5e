import { SluiceError } from "@sluice/core"

/** So many calls that end alike, and none otherwise, are no accident. */
export const alikeBeforeStop = 20

interface GivenReason {
  /** As the vendor says it. */
  readonly words: string
  /** The same for all calls that are refused for it. */
  readonly reason: string
}

interface Held {
  readonly reason: string
  readonly settle: () => Promise<void>
}

/**
 * Refusals for good that come before any answer: as long as all of them give one reason they are held back, since what
 * is wrong is the question and not the inputs. At the twentieth the run ends, and its items stay open.
 */
export class RefusedAlike {
  #held: Held[] = []
  /** Something else happened: from then on a refusal is the item's own. */
  #isOver: boolean
  #stopped: { readonly reason: string; readonly error: SluiceError } | undefined

  readonly #redact: (text: string) => string

  /** `isOver`: an answer is there already, or nobody wants to stop. `redact` takes keys out of what a server said. */
  constructor(isOver: boolean, redact: (text: string) => string) {
    this.#isOver = isOver
    this.#redact = redact
  }

  /** Settles the failure now, later, or never; returns why the run is to end, where it is. */
  async failed(error: unknown, settle: () => Promise<void>): Promise<SluiceError | undefined> {
    const refusal = refusalIn(error, this.#redact)
    const reason = refusal?.reason
    if (this.#stopped && reason === this.#stopped.reason) return this.#stopped.error
    if (refusal && !this.#isOver && (this.#held[0]?.reason ?? reason) === reason) {
      this.#held.push({ reason: refusal.reason, settle })
      return this.#held.length < alikeBeforeStop ? undefined : this.#stop(refusal, error)
    }
    await this.over()
    await settle()
    return undefined
  }

  /** Something else has happened, or everything: what is held back counts. */
  async over(): Promise<void> {
    this.#isOver = true
    for (const { settle } of this.#held.splice(0)) await settle()
  }

  #stop({ words, reason }: GivenReason, cause: unknown): SluiceError {
    this.#held = []
    const stopped = new SluiceError(
      "vendor-refused",
      `the first ${alikeBeforeStop} calls were all refused for one reason: ${words} None of them counts as failed. Mend it and give the same command again, or --keep-going to try every input.`,
      { cause },
    )
    this.#stopped = { reason, error: stopped }
    return stopped
  }
}

/** Status and words of a refusal that no waiting mends; `undefined` for every other failure. */
function refusalIn(error: unknown, redact: (text: string) => string): GivenReason | undefined {
  const { statusCode, message, responseHeaders, responseBody } = (error ?? {}) as Record<string, unknown>
  if (typeof statusCode !== "number" || statusCode < 200 || statusCode >= 500) return undefined
  if (waitable.has(statusCode)) return undefined
  const words = `${statusCode} ${String(message)}`
  // A proxy, or a page to log in at, says 200 to everybody.
  if (statusCode < 400) {
    // Redacted before it is cut: half a key is found by nobody.
    const begin = JSON.stringify(typeof responseBody === "string" ? redact(responseBody).slice(0, 60) : "")
    return { words: `${words}: what came begins with ${begin}. Is it the vendor who answers there?`, reason: words }
  }
  return { words, reason: withoutNames(words, Object.values(responseHeaders ?? {})) }
}

/** Many a vendor says the call's own name in its words: what the headers say too, a request's or a trace's id, the time. */
function withoutNames(words: string, headers: readonly unknown[]): string {
  const inHeaders = headers.filter((value) => typeof value === "string" && value.length >= 6) as string[]
  const bare = inHeaders.reduce((text, value) => text.replaceAll(value, "…"), words)
  return bare.replaceAll(callNames, "…")
}

const callNames = new RegExp(
  [
    /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/,
    /\breq(?:uest)?[_-][A-Za-z_-]{0,60}\d[\w-]*/,
    // Sixteen and more digits of a hexadecimal number.
    /\b(?=[a-f]*\d)[\da-f]{16,}\b/,
    /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gi",
)

/** Request timeout, conflict, too early, too many. */
const waitable = new Set([408, 409, 425, 429])
