import { limitsOf } from "./limits-of.ts"
import type { LabSecond, LabState } from "../src/page/wire.ts"

/** Two hours. */
const mostSeconds = 7_200

/** One entry for each second. */
export interface HistoryColumns {
  readonly atMs: readonly number[]
  readonly starts: readonly number[]
  readonly refusals: readonly number[]
  /** `null`: nobody looked then. */
  readonly inFlight: readonly (number | null)[]
  /** Percent that is left, by limit. */
  readonly left: ReadonlyMap<string, readonly (number | null)[]>
}

interface Sample {
  readonly inFlight: number
  readonly left: ReadonlyMap<string, number>
}

/** What happened in each second of the vendor's life, and how it stood in those in which somebody looked. */
export class History {
  readonly #seconds = new Map<number, LabSecond>()
  readonly #samples = new Map<number, Sample>()
  #last = 0

  take(state: LabState, seconds: readonly LabSecond[]): void {
    const { atMs, inFlight } = state
    for (const each of seconds) this.#seconds.set(each.second, each)
    // The second that goes on is not drawn yet.
    this.#last = Math.floor(atMs / 1_000) - 1
    const left = new Map(limitsOf(state).map(({ name, remaining, limit }) => [name, (remaining / limit) * 100]))
    this.#samples.set(this.#last, { inFlight, left })
    for (const known of [this.#seconds, this.#samples])
      for (const second of known.keys()) {
        if (second > this.#last - mostSeconds) break
        known.delete(second)
      }
  }

  /** A second passes now and then between two looks. */
  #sampleOf(second: number): Sample | undefined {
    return this.#samples.get(second) ?? this.#samples.get(second - 1)
  }

  columns(): HistoryColumns {
    const first = Math.max(0, this.#last - mostSeconds + 1)
    const shown = Array.from({ length: Math.max(0, this.#last - first + 1) }, (_, at) => first + at)
    const names = new Set([...this.#samples.values()].flatMap(({ left }) => [...left.keys()]))
    return {
      atMs: shown.map((second) => second * 1_000),
      starts: shown.map((second) => this.#seconds.get(second)?.starts ?? 0),
      refusals: shown.map((second) => this.#seconds.get(second)?.refusals ?? 0),
      inFlight: shown.map((second) => this.#sampleOf(second)?.inFlight ?? null),
      left: new Map(
        Array.from(names, (name) => [name, shown.map((second) => this.#sampleOf(second)?.left.get(name) ?? null)]),
      ),
    }
  }
}
