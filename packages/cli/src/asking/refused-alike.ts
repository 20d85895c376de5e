import { SluiceError } from "@sluice/core"

/** So many calls that end alike, and none otherwise, are no accident. */
export const alikeBeforeStop = 20

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

  /** `isOver`: an answer is there already, or nobody wants to stop. */
  constructor(isOver: boolean) {
    this.#isOver = isOver
  }

  /** Settles the failure now, later, or never; returns why the run is to end, where it is. */
  async failed(error: unknown, settle: () => Promise<void>): Promise<SluiceError | undefined> {
    const reason = refusalIn(error)
    if (this.#stopped && reason === this.#stopped.reason) return this.#stopped.error
    if (reason !== undefined && !this.#isOver && (this.#held[0]?.reason ?? reason) === reason) {
      this.#held.push({ reason, settle })
      return this.#held.length < alikeBeforeStop ? undefined : this.#stop(reason, error)
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

  #stop(reason: string, cause: unknown): SluiceError {
    this.#held = []
    const stopped = new SluiceError(
      "vendor-refused",
      `the first ${alikeBeforeStop} calls were all refused for one reason: ${reason} None of them counts as failed. Mend it and give the same command again, or --keep-going to try every input.`,
      { cause },
    )
    this.#stopped = { reason, error: stopped }
    return stopped
  }
}

/** Status and words of a refusal that no waiting mends; `undefined` for every other failure. */
function refusalIn(error: unknown): string | undefined {
  const { statusCode, message } = (error ?? {}) as { statusCode?: unknown; message?: unknown }
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode >= 500) return undefined
  if (waitable.has(statusCode)) return undefined
  return `${statusCode} ${String(message)}`
}

/** Request timeout, conflict, too early, too many. */
const waitable = new Set([408, 409, 425, 429])
