import { basename } from "node:path"
import type { Clock } from "@sluice/core"
import { compileQuestion, type Question, type QuestionOptions } from "../question/compile-question.ts"
import { usageError } from "../usage-error.ts"
import { type Variant, variantOf } from "./variant.ts"

export interface ChosenModel {
  /** As the command says it. */
  readonly name: string
  /** `VENDOR:MODEL`. */
  readonly model: string
}

export interface VariantsOptions extends Omit<QuestionOptions, "promptFile"> {
  readonly promptFile?: readonly string[] | undefined
  readonly model?: readonly string[] | undefined
}

/** What one prompt asks, and of which models, as its file or the command says them. */
export interface NamedQuestion {
  /** Of its file, where there are several. */
  readonly name: string
  readonly question: Question
  readonly models: readonly string[] | undefined
}

/** The questions of a command: one, or one for each prompt file. `own` adds what a file begins with. */
export async function compileQuestions<Options extends VariantsOptions>(
  options: Options,
  own: (options: Options) => Promise<VariantsOptions>,
  clock: Clock,
): Promise<NamedQuestion[]> {
  const { promptFile: files = [] } = options
  checkOnce("--prompt-file", files)
  const [only, other] = files
  const compiled = async ({ promptFile, ...rest }: VariantsOptions, name: string): Promise<NamedQuestion> => {
    const question = await compileQuestion({ ...rest, promptFile: promptFile?.[0] }, clock)
    return { name, question, models: rest.model }
  }
  if (only === undefined || other === undefined) return [await compiled(options, "")]
  const names = files.map((file) => basename(file))
  const isClear = new Set(names).size === names.length
  return Promise.all(
    files.map(async (file, at) => {
      const said = await own({ ...options, promptFile: [file] })
      return compiled(said, isClear ? (names[at] ?? file) : file)
    }),
  )
}

/** Each question with each of its models; a column has the name of what differs. `models` finds them by their names. */
export function crossed(
  questions: readonly NamedQuestion[],
  models: (names: readonly string[] | undefined) => readonly ChosenModel[],
): Variant[] {
  const asked = questions.map((each) => ({ ...each, models: models(each.models) }))
  for (const each of asked)
    checkOnce(
      "--model",
      each.models.map(({ model }) => model),
    )
  const all = [...new Map(asked.flatMap((each) => each.models).map((each) => [each.model, each])).values()]
  return all.flatMap(({ name, model }) =>
    asked
      .filter((each) => each.models.some((one) => one.model === model))
      .map((each) => {
        const parts = [...(all.length > 1 ? [name] : []), ...(asked.length > 1 ? [each.name] : [])]
        return variantOf(parts.join(" ") || name, model, each.question)
      }),
  )
}

function checkOnce(option: string, values: readonly string[]): void {
  const twice = values.find((value, at) => values.indexOf(value) !== at)
  if (twice !== undefined) throw usageError(`${option} ${twice} is given twice.`)
}
