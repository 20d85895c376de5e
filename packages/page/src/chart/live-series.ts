import type { Series } from "../wire.ts"

/** What is read at the end of a moment. */
export interface SeriesGauges {
  readonly inFlight: number
  readonly requestLimit: number | undefined
  readonly tokenLimit: number | undefined
  readonly waiting: ReadonlyMap<string, number>
}

interface Point extends SeriesGauges {
  readonly atMs: number
  readonly spanMs: number
  readonly requests: number
  readonly tokens: number
}

/** Two hours by the second; then the older half is kept half as fine. */
const mostPoints = 7_200

/** What the charts show, over time, in memory that does not grow. */
export class LiveSeries {
  #points: Point[] = []
  #requests = 0
  #tokens = 0
  #lastMs = 0
  /** Changes when points were put together: who has some of them needs all anew. */
  edition = 0
  /** Of all points that ever were. */
  #first = 0

  take(requests: number, tokens: number): void {
    this.#requests += requests
    this.#tokens += tokens
  }

  /** Ends a moment. */
  close(atMs: number, gauges: SeriesGauges): void {
    this.#points.push({
      ...gauges,
      atMs,
      spanMs: Math.max(1, atMs - this.#lastMs),
      requests: this.#requests,
      tokens: this.#tokens,
    })
    this.#lastMs = atMs
    this.#requests = this.#tokens = 0
    if (this.#points.length > mostPoints) this.#thin()
  }

  /** A moment of a run that is over. */
  put(atMs: number, spanMs: number, requests: number, tokens: number, inFlight: number): void {
    const unknown = { requestLimit: undefined, tokenLimit: undefined, waiting: new Map<string, number>() }
    this.#points.push({ ...unknown, atMs, spanMs, requests, tokens, inFlight })
  }

  clear(): void {
    this.edition++
    this.#points = []
  }

  get end(): number {
    return this.#first + this.#points.length
  }

  /** Points from number `from` on. */
  since(from = 0): Series {
    const points = this.#points.slice(Math.max(0, from - this.#first))
    const reasons = new Set(points.flatMap(({ waiting }) => [...waiting.keys()]))
    return {
      atMs: points.map(({ atMs }) => Math.round(atMs)),
      spanMs: points.map(({ spanMs }) => Math.round(spanMs)),
      requests: points.map(({ requests }) => requests),
      tokens: points.map(({ tokens }) => tokens),
      inFlight: points.map(({ inFlight }) => inFlight),
      requestLimit: points.map(({ requestLimit }) => requestLimit ?? null),
      tokenLimit: points.map(({ tokenLimit }) => tokenLimit ?? null),
      waiting: Object.fromEntries(
        Array.from(reasons, (reason) => [reason, points.map(({ waiting }) => waiting.get(reason) ?? 0)]),
      ),
    }
  }

  #thin(): void {
    const half = this.#points.length >> 1
    const thinned: Point[] = []
    for (let at = 0; at + 1 < half; at += 2) {
      const [a, b] = [this.#points[at]!, this.#points[at + 1]!]
      thinned.push({
        ...b,
        spanMs: a.spanMs + b.spanMs,
        requests: a.requests + b.requests,
        tokens: a.tokens + b.tokens,
        inFlight: Math.max(a.inFlight, b.inFlight),
      })
    }
    const rest = this.#points.slice(half - (half % 2))
    this.#points = [...thinned, ...rest]
    this.#first = 0
    this.edition++
  }
}
