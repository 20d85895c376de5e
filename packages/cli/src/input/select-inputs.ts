import type { Condition } from "./condition.ts"
import { keyOf } from "./input-key.ts"
import { fieldOf, textOf } from "../question/prompt-template.ts"
import type { Input } from "./input.ts"
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
}

/** Holds `sample` inputs; without it, one. */
export async function* selectInputs(inputs: AsyncIterable<Input>, selection: Selection): AsyncGenerator<Input> {
  const { sample, seed = 1, limit = Infinity } = selection
  const found = fitting(selection.only ? named(inputs, selection.only, selection.key) : inputs, selection)
  let left = limit
  for await (const input of sample === undefined ? found : drawn(found, sample, seed)) {
    yield input
    if (--left <= 0) return
  }
}

/** Throws when one of them is not there. */
async function* named(inputs: AsyncIterable<Input>, only: readonly string[], key: string | undefined) {
  const left = new Set(only)
  let at = 0
  for await (const input of inputs) {
    const name = key === undefined ? String(at) : keyOf(input, key)
    at++
    if (left.delete(name)) yield input
    if (left.size === 0) return
  }
  const wanted = key === undefined ? `of ${at} inputs, counted from 0` : `with such a ${key} among ${at}`
  throw usageError(`--only ${[...left].join(" ")}: there is no input ${wanted}.`)
}

async function* fitting(inputs: AsyncIterable<Input>, { where = [], skip = 0 }: Selection): AsyncGenerator<Input> {
  let left = skip
  for await (const input of inputs) {
    if (where.every((condition) => fits(input, condition)) && left-- <= 0) yield input
  }
}

function fits({ record, where }: Input, { field, isEqual, value }: Condition): boolean {
  const own = fieldOf(record, field)
  if (own === undefined) throw usageError(`${where}: --where ${field}: there is no such field.`)
  return (textOf(own) === value) === isEqual
}

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
