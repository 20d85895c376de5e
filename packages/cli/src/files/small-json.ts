import { usageError } from "../usage-error.ts"
import { refuseRepeated } from "./repeated-name.ts"
import { smallText, type SmallTextOptions } from "./small-text.ts"

/** The JSON in a small file, in which no object has a name twice. */
export async function smallJson(path: string, options: SmallTextOptions): Promise<unknown> {
  const { what = path } = options
  let text: string
  let value: unknown
  try {
    text = await smallText(path, options)
    value = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(`${what}: not JSON (${error.message}).`)
  }
  refuseRepeated(text, (line) => `${what}:${line}`)
  return value
}
