import { type Clock, type EventSink, SluiceError } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"
import { ServerNews } from "./store/server-news.ts"
import { refusalOf } from "./store/refusal.ts"

/** A turn that takes longer is slow; so many in a row are no accident. */
const slowMs = 100
const slowTurns = 20

/** What a process is told of the quota that it shares. */
export class LedgerEvents {
  readonly #quota: string
  readonly #sink: EventSink | undefined
  readonly #clock: Clock
  readonly #trouble: () => string | undefined
  readonly #news: ServerNews
  readonly #once = new Set<string>()
  /** Turns in a row that took long, until it was told of them. */
  #slow: number[] | undefined = []
  #said: string | undefined

  /** `trouble`: what is in the way of a connection, if something is. */
  constructor(
    quota: string,
    sink: EventSink | undefined,
    clock: Clock,
    trouble = (): string | undefined => undefined,
    news: ServerNews = new ServerNews(),
  ) {
    this.#quota = quota
    this.#sink = sink
    this.#clock = clock
    this.#trouble = trouble
    this.#news = news
  }

  gateClosed(untilMs: number, reason: string): void {
    this.#tell({ type: "gate-close", quota: this.#quota, atMs: this.#clock.now(), untilMs, reason })
  }

  changed(change: { readonly dimension: string; readonly from: number; readonly to: number }): void {
    const reason = "told or found by a process that shares it"
    this.#tell({ type: "limit-change", quota: this.#quota, atMs: this.#clock.now(), ...change, reason })
  }

  toldDifferently(limit: string): void {
    if (this.#once.has(limit)) return
    this.#once.add(limit)
    this.warn(
      "told-differently",
      `processes tell different numbers for ${limit}. The lowest counts; tell all the same.`,
    )
  }

  lost(share: number, does: "share" | "wait" | "fail"): void {
    const percent = `${Math.round(share * 1_000) / 10} %`
    const goesOn =
      does === "fail"
        ? "Calls are rejected until it is back"
        : share > 0
          ? `This process goes on with ${percent} of the limits, which the others leave to it`
          : "This process waits until it is back"
    this.#ofServer("store-lost", `Redis ${this.#state}. ${goesOn}.`)
  }

  /** For so long the others left its share to this process. */
  shareOver(forMs: number): void {
    this.#ofServer(
      "store-lost",
      `Redis ${this.#state}, still. The others take back the share that they left to this process for ${forMs / 1_000} s (whenUnreachable: { forMs }): it starts nothing until Redis is back.`,
      "over",
    )
  }

  /** Redis is there, and says no to what it is asked. */
  get isRefused(): boolean {
    return refusalOf(this.#words) !== undefined
  }

  refused(does: "share" | "wait" | "fail"): void {
    const goesOn = {
      fail: "Calls are rejected until then",
      share: "This process goes on with the share of the limits that it was told, if any, and waits",
      wait: "This process waits until then",
    }
    this.#ofServer("store-lost", `Redis ${this.#state}. ${goesOn[does]}.`)
  }

  /** What came instead of an answer, or stands in the way of one. */
  get #words(): string | undefined {
    return this.#said ?? this.#trouble()
  }

  get #state(): string {
    const words = this.#words
    const toDo = refusalOf(words)
    if (toDo !== undefined) return `refuses what it is asked (${words!.replace(/\.$/, "")}). ${toDo}`
    if (this.#said !== undefined) return `does no turn (${this.#said})`
    return words === undefined ? "does not answer" : `cannot be reached (${words})`
  }

  /** What came instead of an answer. */
  failed(error: unknown): void {
    // A connection that is not there says nothing of the server.
    const said = error instanceof Error && /^[A-Z]+ /.test(error.message) ? error.message : undefined
    this.#said = said?.slice(0, 200)
  }

  /** A turn took so long to Redis and back. */
  took(ms: number): void {
    this.#said = undefined
    if (ms <= slowMs) this.#slow = []
    if (ms <= slowMs || !this.#slow) return
    this.#slow.push(ms)
    if (this.#slow.length < slowTurns) return
    const median = Math.round(this.#slow.toSorted((a, b) => a - b)[slowTurns / 2]!)
    this.#slow = undefined
    this.#ofServer(
      "slow-store",
      `Redis takes ${median} ms for a turn. Calls start later by it; rates hold up to half a second.`,
      "slow",
    )
  }

  /** Messages between processes are refused. */
  readonly unheard = (said: string): void => {
    if (this.#once.has("no-messages")) return
    this.#once.add("no-messages")
    this.#ofServer(
      "no-messages",
      `Redis refuses this process the messages of the others (${said.replace(/\.$/, "")}). All goes on, but later: who waits for a place asks each quarter of a second, and that the vendor refused another's call is heard within a second. ${refusalOf(said)!}.`,
    )
  }

  evicts(policy: string): void {
    this.#ofServer(
      "store-evicts",
      `Redis throws keys away when its memory is full (maxmemory-policy ${policy}): a quota would begin anew. Set it to noeviction.`,
    )
  }

  back(afterMs: number, calls: number): void {
    this.#ofServer(
      "store-back",
      `Redis answers again after ${Math.round(afterMs / 100) / 10} s; ${calls} calls were started meanwhile.`,
      calls === 0 ? "back" : undefined,
    )
  }

  /** So many calls that were dated are asked for anew. */
  empty(dated: number): void {
    this.#ofServer(
      "store-empty",
      `Redis has lost what it kept (restarted, flushed, full or failed over). Limits begin anew, with nothing in hand; ${dated} calls that had a time are asked for again.`,
      dated === 0 ? "empty" : undefined,
    )
  }

  warn(code: string, message: string): void {
    tellWarning(this.#sink, this.#clock.now(), code, `${this.#quota}: ${message}`)
  }

  /** Told of one quota of those that have the same to say; `what` says what is the same, where the words differ by chance. */
  #ofServer(code: string, message: string, what = message): void {
    if (this.#news.isNew(this.#sink, what, this, this.#clock.now())) this.warn(code, message)
  }

  /** Another process was refused for good. */
  ended(why: string, resetMs: number, said: string): SluiceError {
    const when = resetMs >= 0 ? `, until its reset in ${Math.round(resetMs / 1_000)} s` : ""
    const vendor = said && ` The vendor says: ${said}`
    const message = `${this.#quota}: another process was refused for good (${why})${when}; waiting does not help.${vendor}`
    return new SluiceError("quota-exhausted", message, { details: { why, resetMs } })
  }

  unreachable(): SluiceError {
    const message = `${this.#quota}: Redis, which keeps the shared quota, ${this.#state}. Check it, or choose whenUnreachable: "share" or "wait".`
    return new SluiceError("store-unreachable", message, { retryable: !this.isRefused })
  }

  #tell(event: Parameters<EventSink>[0]): void {
    try {
      this.#sink?.(event)
    } catch {
      // A sink that throws is its owner's concern.
    }
  }
}
