import { generateText } from "ai"
import type { LanguageModel } from "ai"
import { resolve } from "node:path"
import { define } from "sluice"
import type { DocumentResult } from "./results/document-result.ts"
import { readDocument } from "./documents/read-document.ts"
import { splitDocument } from "./documents/split-document.ts"

export interface DigestOptions {
  readonly model: LanguageModel
  readonly files: readonly string[]
  /** Where file names start from. */
  readonly cwd: string
  /** Called once per document, with how it ended. */
  readonly settle: (result: DocumentResult) => Promise<void>
}

/** The state of one run: what the sub-flow of each document works on, by file. */
export type Digest = Map<string, OpenDocument>

export interface OpenDocument {
  text: string
  parts: readonly string[]
  summaries: readonly string[]
  inputTokens: number
  outputTokens: number
}

/** Long enough to hold a chapter's thought, short enough that a document of any length is many small calls. */
const partTokens = 1_500
/** Three sentences. It counts against the quota whether it is used or not, so it is no more than that. */
const summaryTokens = 160
const partPrompt = "Summarise the text in at most three sentences. Answer with the summary alone."
const combinePrompt =
  "These are summaries of the parts of one document, in order. Summarise the document in at most three sentences."

/**
 * load → split → summarise the parts → combine, once per document, all documents in parallel.
 * How many at once is nobody's guess: calls wait for the quota, and the flow pulls as the quota admits.
 */
export function digestFlow({ model, files, cwd, settle }: DigestOptions) {
  const { step, batch, flow, batchFlow } = define<Digest, { readonly file: string }>()

  const ask = async (
    document: OpenDocument,
    instructions: string,
    prompt: string,
    abortSignal: AbortSignal,
  ): Promise<string> => {
    const { text, usage } = await generateText({
      model,
      instructions,
      prompt,
      abortSignal,
      maxOutputTokens: summaryTokens,
      maxRetries: 0,
    })
    document.inputTokens += usage.inputTokens ?? 0
    document.outputTokens += usage.outputTokens ?? 0
    if (text.trim() === "") throw new Error("the model answered nothing")
    return text.trim()
  }
  const load = step({
    name: "load",
    prep: (_, { params }) => resolve(cwd, params.file),
    exec: (path) => readDocument(path),
    post: async (shared, _, read, { params }) => {
      const { file } = params
      if ("reason" in read) {
        await settle({ file, status: "skipped", reason: read.reason })
        return "unusable" as const
      }
      shared.set(file, { text: read.text, parts: [], summaries: [], inputTokens: 0, outputTokens: 0 })
      return "default" as const
    },
  })
  const split = step({
    name: "split",
    prep: (shared, { params }) => opened(shared, params).text,
    exec: (text) => splitDocument(text, partTokens),
    post: (shared, _, parts, { params }) => {
      opened(shared, params).parts = parts
    },
  })
  const summarise = batch({
    name: "summarise",
    prep: (shared, { params }) => {
      const document = opened(shared, params)
      return document.parts.map((part) => ({ document, part }))
    },
    exec: ({ document, part }, { signal }) => ask(document, partPrompt, part, signal),
    post: (shared, _, summaries, { params }) => {
      opened(shared, params).summaries = summaries
    },
  })
  const combine = step({
    name: "combine",
    prep: (shared, { params }) => opened(shared, params),
    exec: (document, { signal }) =>
      document.summaries.length === 1
        ? document.summaries[0]!
        : ask(document, combinePrompt, document.summaries.join("\n\n"), signal),
    post: async (shared, document, summary, { params }) => {
      const { file } = params
      shared.delete(file)
      const { inputTokens, outputTokens } = document
      await settle({ file, status: "ok", summary, parts: document.parts.length, inputTokens, outputTokens })
    },
  })

  const perDocument = flow({
    name: "per-document",
    nodes: { load, split, summarise, combine },
    start: "load",
    edges: {
      load: { default: "split", unusable: null },
      split: { default: "summarise" },
      summarise: { default: "combine" },
    },
  })
  return batchFlow({
    name: "documents",
    flow: perDocument,
    prep: () => files.map((file) => ({ file })),
    onError: "collect",
    order: "completion",
    onOutcome: async (outcome) => {
      if (outcome.status === "failed")
        await settle({ file: files[outcome.index]!, status: "failed", reason: reasonOf(outcome.error) })
    },
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** `load` opened it: the nodes after it run for that document alone. */
function opened(shared: Digest, { file }: { readonly file: string }): OpenDocument {
  const document = shared.get(file)
  if (!document) throw new Error(`${file} is not open`)
  return document
}
