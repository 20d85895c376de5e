import { readFileSync } from "node:fs"
import { z } from "zod"
import { type AnswerSchema, readAnswerSchema } from "./answer-schema.ts"
import { compileTemplate, type InputRecord, type Template } from "./prompt-template.ts"
import { usageError } from "../usage-error.ts"

export interface AskOptions {
  readonly prompt?: string | undefined
  readonly promptFile?: string | undefined
  readonly system?: string | undefined
  readonly systemFile?: string | undefined
  readonly messages?: string | undefined
  readonly schema?: string | undefined
  readonly param?: Readonly<Record<string, string>> | undefined
  readonly maxOutputTokens?: number | undefined
  readonly temperature?: number | undefined
}

export interface PromptMessage {
  readonly role: "system" | "user" | "assistant"
  readonly content: string
}

/** What is asked about every input: compiled once, filled in per input. */
export interface Question {
  readonly messages: (record: InputRecord, where: string) => PromptMessage[]
  readonly schema: AnswerSchema | undefined
  readonly settings: { readonly maxOutputTokens?: number; readonly temperature?: number }
  /** Everything that changes the answers, for the journal's version. */
  readonly fingerprint: Readonly<Record<string, unknown>>
}

const messageList = z
  .array(z.strictObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
  .min(1)

/** Reads prompt, system prompt, messages and schema. Throws what is missing or contradictory. */
export async function compileQuestion(options: AskOptions): Promise<Question> {
  const { messages: messagesFile, schema: schemaFile, param = {} } = options
  const prompt = textOf(options.prompt, options.promptFile, "--prompt")
  const system = textOf(options.system, options.systemFile, "--system")
  const templates: { readonly role: "system" | "user" | "assistant"; readonly content: Template }[] = []
  const add = (role: "system" | "user" | "assistant", text: string, name: string): void => {
    templates.push({ role, content: compileTemplate(text, param, name) })
  }
  const listed = messagesFile === undefined ? [] : messagesIn(messagesFile)
  if (system !== undefined) add("system", system, "the system prompt")
  for (const { role, content } of listed) add(role, content, messagesFile ?? "")
  if (prompt !== undefined) add("user", prompt, "the prompt")
  const isAsking = templates.some(({ role }) => role === "user")
  const schema = schemaFile === undefined ? undefined : await readAnswerSchema(schemaFile)
  const { maxOutputTokens, temperature } = options
  const settings = {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
  }
  return {
    messages: (record, where) => {
      const filled = templates.map(({ role, content }) => ({ role, content: content(record, where) }))
      return isAsking ? filled : [...filled, ...ownMessages(record, where)]
    },
    schema,
    settings,
    fingerprint: { prompt, system, messages: listed, schema: schema?.schema, param, settings },
  }
}

/** Without a prompt, an input brings its own: `{"messages": [{"role", "content"}]}`, as chat data sets have it. */
function ownMessages({ messages }: InputRecord, where: string): PromptMessage[] {
  const parsed = messageList.safeParse(messages)
  if (parsed.success) return parsed.data
  throw usageError(
    messages === undefined
      ? `Give a prompt: --prompt, --prompt-file or --messages. ${where} has no "messages" of its own.`
      : `${where}: wanted "messages" to be a list of {"role", "content"}; ${issueIn(parsed.error)}.`,
  )
}

function issueIn(error: z.ZodError): string {
  const [issue] = error.issues
  return `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`
}

function textOf(text: string | undefined, file: string | undefined, option: string): string | undefined {
  if (text !== undefined && file !== undefined) throw usageError(`Give ${option} or ${option}-file, not both.`)
  return file === undefined ? text : readText(file, `${option}-file`)
}

function messagesIn(file: string): z.infer<typeof messageList> {
  const parsed = messageList.safeParse(parseJson(file, "--messages"))
  if (parsed.success) return parsed.data
  throw usageError(`--messages ${file}: wanted a list of {"role", "content"}; ${issueIn(parsed.error)}.`)
}

function parseJson(file: string, option: string): unknown {
  try {
    return JSON.parse(readText(file, option))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(`${option} ${file}: not JSON (${error.message}).`)
  }
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    throw usageError(`${option} ${file}: cannot be read (${(error as Error).message}).`)
  }
}
