import type { SqliteRunJournal } from "@sluice/journal"
import type { Asker } from "../asking/create-asker.ts"
import type { Question } from "../question/compile-question.ts"
import { partsOf, versionOf } from "../run/question-parts.ts"

/** One of the things that a run asks about each input: a model, and what it is asked. A run has one, or several to be compared. */
export interface Variant {
  /** Of its column. */
  readonly name: string
  readonly model: string
  readonly question: Question
  /** Changes when the model or the question does. */
  readonly version: string
}

export interface PlacedVariant extends Variant {
  /** Where its answers are in the run's journal; those of the first one are where a run of one variant has them. */
  readonly params: Readonly<Record<string, string>>
}

export type Variants = readonly [PlacedVariant, ...PlacedVariant[]]

/** Ready to be asked. */
export interface AskedVariant extends PlacedVariant {
  readonly ask: Asker
}

export function variantOf(name: string, model: string, question: Question): Variant {
  return { name, model, question, version: versionOf(model, question) }
}

/** Models and prompt files, as a person names them, each once. */
export function titleOf(variants: readonly Variant[]): string {
  const [only] = variants
  return variants.length === 1 && only ? only.model : variants.map(({ name }) => name).join(", ")
}

/** What a variant is to a later command: what it was asked, to be told from what is asked then, and to be shown. */
export function keptVariant({ model, question, version }: Variant): Readonly<Record<string, unknown>> {
  return { version, parts: partsOf(model, question), texts: question.texts }
}

/** Of the answers that lie at a place. */
export function versionIn(run: SqliteRunJournal, { variant }: PlacedVariant["params"]): unknown {
  if (variant === undefined) return run.note("version")
  const kept = run.note("variants") as Readonly<Record<string, { readonly version?: unknown }>> | undefined
  return kept?.[variant]?.version
}

/** Puts down what is asked, before the first answer. */
export async function keepVariants(run: SqliteRunJournal, variants: Variants): Promise<void> {
  const first = variants.find(({ params }) => params["variant"] === undefined)
  const others = variants.filter((each) => each !== first)
  if (first) {
    await run.putNote("version", first.version)
    await run.putNote("question", partsOf(first.model, first.question))
    await run.putNote("texts", first.question.texts)
    await run.putNote("column", first.name)
  }
  if (others.length === 0) return
  const before = run.note("variants") as Readonly<Record<string, unknown>> | undefined
  const now = others.map((each) => [each.name, keptVariant(each)] as const)
  await run.putNote("variants", { ...before, ...Object.fromEntries(now) })
}
