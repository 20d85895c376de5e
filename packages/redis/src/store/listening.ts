import { idleClock } from "@sluice/scheduler/internal"

/** A right may be granted meanwhile. */
const askAgainMs = 5_000

interface ChannelListener {
  readonly hear: (message: string) => void
  readonly refused: (said: string) => void
}

/** The channels that are listened to. One that the server refuses is asked for again. */
export class Listening {
  readonly #subscribe: (channel: string) => Promise<unknown>
  readonly #listeners = new Map<string, ChannelListener>()
  #cancel: (() => void) | undefined

  constructor(subscribe: (channel: string) => Promise<unknown>) {
    this.#subscribe = subscribe
  }

  add(channel: string, listener: ChannelListener): void {
    this.#listeners.set(channel, listener)
    this.#ask(channel)
  }

  remove(channel: string): void {
    this.#listeners.delete(channel)
  }

  came(channel: string, message: string): void {
    this.#listeners.get(channel)?.hear(message)
  }

  /** The connection is a new one, or was told something. */
  again(): void {
    for (const channel of this.#listeners.keys()) this.#ask(channel)
  }

  /** Without a connection nothing is refused. */
  failed(error: unknown): void {
    const said = String(error instanceof Error ? error.message : error)
    if (!said.includes("NOPERM")) return
    for (const { refused } of this.#listeners.values()) refused(said)
    this.#cancel ??= idleClock.setTimer(askAgainMs, () => {
      this.#cancel = undefined
      this.again()
    })
  }

  close(): void {
    this.#listeners.clear()
    this.#cancel?.()
  }

  #ask(channel: string): void {
    this.#subscribe(channel).catch((error: unknown) => this.failed(error))
  }
}
