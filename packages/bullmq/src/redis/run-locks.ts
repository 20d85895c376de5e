import { randomUUID } from "node:crypto"
import { type Clock, SluiceError } from "@sluice/core"
import type { Queue } from "bullmq"
import { print } from "./queue-name.ts"
import { runScript } from "./scripts.ts"

/** A coordinator that is silent for so long has left its runs to others. */
const leaseMs = 10_000
const renewEveryMs = 3_000
const askAgainMs = 500

/** One coordinator per run: two would send every item twice. */
export class RunLocks {
  readonly #queue: Queue
  readonly #clock: Clock
  readonly #token: string = randomUUID()
  readonly #held = new Map<string, Promise<AbortSignal>>()
  readonly #cancels = new Set<() => void>()
  #isClosed = false

  constructor(queue: Queue, clock: Clock) {
    this.#queue = queue
    this.#clock = clock
  }

  /**
   * Resolves when the run is this process's; a coordinator that has died is waited for. The signal is aborted when somebody else has taken it.
   *
   * @throws SluiceError `run-locked`
   */
  hold(runId: string): Promise<AbortSignal> {
    const held = this.#held.get(runId) ?? this.#take(runId)
    this.#held.set(runId, held)
    held.catch(() => this.#held.delete(runId))
    return held
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const cancel of this.#cancels) cancel()
    await Promise.allSettled(
      [...this.#held.keys()].map((runId) => runScript(this.#queue, "sluiceFree", keyOf(runId), this.#token)),
    )
  }

  async #take(runId: string): Promise<AbortSignal> {
    const sinceMs = this.#clock.now()
    while (!(await this.#isOurs(runId))) {
      if (this.#isClosed || this.#clock.now() - sinceMs > leaseMs + renewEveryMs) throw lockedError(runId)
      await new Promise<void>((resolve) => this.#timer(askAgainMs, resolve))
    }
    const lost = new AbortController()
    const renew = (): void => {
      this.#isOurs(runId)
        .then(
          (isOurs) => {
            if (!isOurs) lost.abort(lockedError(runId))
          },
          // Out of reach: whether somebody else has it shows when the server is back.
          () => {},
        )
        .finally(() => {
          if (!this.#isClosed && !lost.signal.aborted) this.#timer(renewEveryMs, renew)
        })
    }
    this.#timer(renewEveryMs, renew)
    return lost.signal
  }

  async #isOurs(runId: string): Promise<boolean> {
    return (await runScript(this.#queue, "sluiceHold", keyOf(runId), this.#token, leaseMs)) === this.#token
  }

  #timer(ms: number, then: () => void): void {
    const cancel = this.#clock.setTimer(ms, () => {
      this.#cancels.delete(cancel)
      then()
    })
    this.#cancels.add(cancel)
  }
}

function keyOf(runId: string): string {
  return `coordinator:${print(runId)}`
}

function lockedError(runId: string): SluiceError {
  return new SluiceError(
    "run-locked",
    `Another process coordinates the run "${runId}" on this Redis. Wait for it or end it; one that has died is gone after ${leaseMs / 1_000} s.`,
    { details: { runId } },
  )
}
