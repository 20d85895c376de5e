import { nearest } from "@sluice/core/internal"
import type { Condition } from "./condition.ts"
import { countOf, formatCount } from "../display/quantities.ts"
import { type Input, keyOf } from "./input.ts"
import { fieldOf, textOf } from "../question/prompt-template.ts"
import { usageError } from "../usage-error.ts"

/** Which of the inputs are taken: first by `only`, then by `where`, then without the first `skip`, then `sample` of them, then the first `limit`. */
export interface Selection {
  /** Names of `key`, or without one the inputs' numbers from 0. */
  readonly only?: readonly string[] | undefined
  /** The field that names an input. */
  readonly key?: string | undefined
  readonly where?: readonly Condition[] | undefined
  readonly skip?: number | undefined
  readonly sample?: number | undefined
  /** Of the sample: the same seed takes the same inputs. Default 1. */
  readonly seed?: number | undefined
  readonly limit?: number | undefined
  /** Told at the end how many inputs lack a field of `where`, in words. */
  readonly onLacking?: ((words: string) => void) | undefined
}

/** Holds `sample` inputs; without it, one. Throws where there are inputs and none of them is taken. */
export async function* selectInputs(inputs: AsyncIterable<Input>, selection: Selection): AsyncGenerator<Input> {
  const { only, sample, seed = 1, limit = Infinity } = selection
  const left = new LeftOver(selection)
  const named = only ? among(inputs, only, selection.key, left) : inputs
  const found = fitting(named, selection, left)
  let taken = 0
  try {
    for await (const input of sample === undefined ? found : drawn(found, sample, seed)) {
      yield input
      if (++taken >= limit) return
    }
    left.checkFields()
    if (taken === 0) left.refuse()
  } finally {
    left.tellLacking()
  }
}

/** How many inputs each option has left over. */
class LeftOver {
  read = 0
  /** Of each condition: inputs that came to it, that lack its field, and that it let through; and what the first has in its field. */
  readonly where: { seen: number; lacking: number; count: number; first?: string }[]
  /** The first of all. */
  some: Input | undefined
  readonly #selection: Selection

  constructor(selection: Selection) {
    this.#selection = selection
    this.where = (selection.where ?? []).map(() => ({ seen: 0, lacking: 0, count: 0 }))
  }

  /** Throws where no input has the field of a condition: it is misspelt. */
  checkFields(): void {
    const at = this.where.findIndex(({ seen, lacking }) => seen > 0 && lacking === seen)
    const field = this.#selection.where?.[at]?.field
    if (field === undefined) return
    const count = this.where[at]!.seen
    const known = Object.keys(this.some?.record ?? {})
    const shown = known.slice(0, shownNames)
    throw usageError(
      `--where ${field}: ${count === 1 ? "the input has no such field" : `none of ${formatCount(count)} inputs has such a field`}.${nearest(field, shown)} The first has: ${shown.join(", ")}${known.length > shownNames ? ", …" : ""}.`,
    )
  }

  tellLacking(): void {
    for (const [at, { seen, lacking }] of this.where.entries()) {
      if (lacking === 0 || lacking === seen) continue
      const [have, are] = lacking === 1 ? ["has", "is"] : ["have", "are"]
      this.#selection.onLacking?.(
        `--where ${this.#selection.where?.[at]?.field ?? ""}: ${formatCount(lacking)} of ${countOf(seen, "input")} ${have} no such field, and ${are} left out.`,
      )
    }
  }

  /** Throws what became of the inputs, if any were read: nobody means to take none of them. */
  refuse(): void {
    if (this.read === 0) return
    const { only, where = [], skip } = this.#selection
    const steps = only ? [`${only.length} after --only`] : []
    for (const [at, { field, isEqual, value }] of where.entries()) {
      const { count, first } = this.where[at]!
      const example = count > 0 ? "" : ` (the first has ${field}=${first?.slice(0, 60)})`
      steps.push(`${formatCount(count)} after --where ${field}${isEqual ? "=" : "!="}${value}${example}`)
      if (count === 0) break
    }
    if (skip !== undefined && !(this.where.at(-1)?.count === 0)) steps.push(`0 after --skip ${skip}`)
    const were = this.read === 1 ? "was" : "were"
    throw usageError(
      `There is nothing to do: ${countOf(this.read, "input")} ${were} read, and of these are left ${steps.join(", ")}.`,
    )
  }
}

/** Throws when one of them is not there. */
async function* among(
  inputs: AsyncIterable<Input>,
  only: readonly string[],
  key: string | undefined,
  counted: LeftOver,
): AsyncGenerator<Input> {
  const left = new Set(only)
  const parts = new Set(only.flatMap((name) => name.split(",")))
  for await (const input of inputs) {
    const name = key === undefined ? String(counted.read) : keyOf(input, key)
    counted.read++
    parts.delete(name)
    if (left.delete(name)) yield input
    if (left.size === 0) return
  }
  const at = counted.read
  const named = [...left].join(" ")
  const of =
    key === undefined ? `no input of ${at} inputs, counted from 0` : `no input whose ${key} that is among ${at}`
  const apart =
    parts.size === 0 ? ` Names are parted by spaces: --only ${[...only].join(" ").replaceAll(",", " ")}` : ""
  throw usageError(`--only ${named}: there is ${of}.${apart}`)
}

async function* fitting(
  inputs: AsyncIterable<Input>,
  { only, where = [], skip = 0 }: Selection,
  counted: LeftOver,
): AsyncGenerator<Input> {
  let left = skip
  for await (const input of inputs) {
    if (!only) counted.read++
    counted.some ??= input
    const isFitting = where.every((condition, at) => {
      const own = fieldOf(input.record, condition.field)
      const each = counted.where[at]!
      each.seen++
      if (own === undefined) {
        // No value is neither equal to another nor different from it.
        each.lacking++
        return false
      }
      each.first ??= textOf(own)
      const isTaken = (textOf(own) === condition.value) === condition.isEqual
      if (isTaken) each.count++
      return isTaken
    })
    if (isFitting && left-- <= 0) yield input
  }
}

/** A table may have a thousand columns. */
const shownNames = 20

/** Every input is as likely as any other to be among them (reservoir sampling, Vitter's R), in the order of the input. */
async function* drawn(inputs: AsyncIterable<Input>, count: number, seed: number): AsyncGenerator<Input> {
  const { seededRandom } = await import("@sluice/lab")
  const random = seededRandom(seed)
  const kept: { readonly at: number; readonly input: Input }[] = []
  let at = 0
  for await (const input of inputs) {
    const place = at < count ? at : Math.floor(random.next() * (at + 1))
    if (place < count) kept[place] = { at, input }
    at++
  }
  for (const { input } of kept.toSorted((a, b) => a.at - b.at)) yield input
}
