import { APICallError, generateText } from "ai"
import type { Connection } from "./connect-vendor.ts"
import { UsageError } from "../usage-error.ts"

/** One tiny call before the many: a refused key or an unknown model costs one request, not one per document. */
export async function checkKey({ model, modelName }: Connection): Promise<void> {
  try {
    await generateText({ model, prompt: "Answer with the word OK.", maxOutputTokens: 16, maxRetries: 0 })
  } catch (error) {
    if (!APICallError.isInstance(error) || error.statusCode === undefined) throw error
    if (error.statusCode === 401 || error.statusCode === 403) {
      throw new UsageError(`the vendor refused the key (HTTP ${error.statusCode}): ${error.message}`)
    }
    if (error.statusCode < 500) {
      throw new UsageError(
        `the vendor refused a first call to ${modelName} (HTTP ${error.statusCode}): ${error.message}`,
      )
    }
    throw error
  }
}
