import type { Clock } from "@sluice/core"
import { z } from "zod"
import type { FindAttachments } from "../attach/attachments.ts"
import { type AnswerSchema, readAnswerSchema } from "./answer-schema.ts"
import { type BatchLine, isBatchLine } from "./batch-line.ts"
import { compilePrompt } from "./compile-prompt.ts"
import { namedOtherwise } from "./named-otherwise.ts"
import type { InputRecord, Template } from "./prompt-template.ts"
import { type ReasoningEffort, type RequestOptions, saidTwice } from "../model/request-options.ts"
import { usageError } from "../usage-error.ts"
import { smallJson } from "../files/small-json.ts"
import { smallText } from "../files/small-text.ts"

export interface QuestionOptions {
  readonly prompt?: string | undefined
  readonly promptFile?: string | undefined
  readonly system?: string | undefined
  readonly systemFile?: string | undefined
  readonly messages?: string | undefined
  readonly schema?: string | undefined
  readonly param?: Readonly<Record<string, string>> | undefined
  readonly maxOutputTokens?: number | undefined
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly modelSeed?: number | undefined
  readonly stop?: readonly string[] | undefined
  readonly reasoningEffort?: ReasoningEffort | undefined
  readonly option?: RequestOptions | undefined
  readonly attach?: readonly string[] | undefined
  readonly followLinks?: boolean | undefined
}

export interface PromptMessage {
  readonly role: "system" | "user" | "assistant"
  readonly content: string
}

/** As the AI SDK calls them. */
export interface ModelSettings {
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  readonly stopSequences?: string[]
  readonly reasoning?: ReasoningEffort
}

/** What is asked about every input: compiled once, filled in per input. */
export interface Question {
  readonly messages: (record: InputRecord, where: string) => PromptMessage[]
  /** Where inputs are requests of their own, which are sent as they stand (OpenAI batch files). */
  readonly request?: (record: InputRecord, where: string) => BatchLine
  /** What goes with the last message of the user (`--attach`). */
  readonly attachments?: FindAttachments | undefined
  readonly texts: QuestionTexts
  readonly schema: AnswerSchema | undefined
  readonly settings: ModelSettings
  /** Fields of the request's body that the vendor takes and nobody else knows (`--option`). */
  readonly requestOptions: RequestOptions | undefined
  /** Everything that changes the answers, for the journal's version. */
  readonly fingerprint: Readonly<Record<string, unknown>>
}

const messageList = z
  .array(z.strictObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
  // Not `min`, which also measures what is no list, and throws where its length is no number.
  .refine((list) => list.length > 0, "Too small: wanted at least one message")

/** The texts of a question, before anything is filled in: what a journal keeps, so that prompts can be shown. */
export interface QuestionTexts {
  readonly prompt?: string | undefined
  readonly system?: string | undefined
  readonly messages: readonly PromptMessage[]
  readonly param: Readonly<Record<string, string>>
}

/** Reads prompt, system prompt, messages and schema. Throws what is missing or contradictory. */
export async function compileQuestion(options: QuestionOptions, clock: Clock): Promise<Question> {
  const { messages: messagesFile, schema: schemaFile, param = {} } = options
  const prompt = await textOf(options.prompt, options.promptFile, "--prompt", clock)
  const system = await textOf(options.system, options.systemFile, "--system", clock)
  for (const [name, text] of Object.entries({ prompt: prompt, "system prompt": system }))
    if (text?.trim() === "") throw usageError(`The ${name} is empty. Say what to ask, or leave it out.`)
  const listed = messagesFile === undefined ? [] : await messagesIn(messagesFile, clock)
  const texts = { prompt, system, messages: listed, param }
  const schema = schemaFile === undefined ? undefined : await readAnswerSchema(schemaFile, clock)
  const settings = settingsOf(options)
  const twice = saidTwice(settings, options.option)
  if (twice) throw usageError(`${twice[0]} and --option ${twice[1]} say the same thing. Give one of them.`)
  const { attach, followLinks = false } = options
  return {
    attachments:
      attach && (await (await import("../attach/attachments.ts")).compileAttachments(attach, param, followLinks)),
    messages: await compileMessages(texts, messagesFile),
    texts,
    schema,
    settings,
    requestOptions: options.option,
    fingerprint: {
      prompt,
      system,
      messages: listed,
      schema: schema?.schema,
      param,
      settings,
      options: options.option,
      attach,
    },
  }
}

/** Compiles the texts; without a text for the user, each input brings its own messages. */
export async function compileMessages(
  { prompt, system, messages, param }: QuestionTexts,
  messagesName = "--messages",
): Promise<Question["messages"]> {
  const templates: { readonly role: PromptMessage["role"]; readonly content: Template }[] = []
  const add = async (role: PromptMessage["role"], text: string, name: string): Promise<void> => {
    templates.push({ role, content: await compilePrompt(text, param, name) })
  }
  if (system !== undefined) await add("system", system, "the system prompt")
  for (const { role, content } of messages) await add(role, content, messagesName)
  if (prompt !== undefined) await add("user", prompt, "the prompt")
  const hasWords = templates.some(({ role }) => role === "user")
  return (record, where) => {
    const filled = templates.map(({ role, content }) => ({ role, content: content(record, where) }))
    return hasWords ? filled : [...filled, ...ownMessages(record, where)]
  }
}

/** Whether the texts have words for the user: else each input brings its own messages. */
export function isAsking({ prompt, messages }: QuestionTexts): boolean {
  return prompt !== undefined || messages.some(({ role }) => role === "user")
}

/** Whether no field of an input stands in what is asked: then every item asks the same. */
export function asksTheSame({ texts, attachments, request }: Question): boolean {
  if (attachments || request) return false
  const { prompt, system, messages, param } = texts
  const all = [prompt, system, ...messages.map(({ content }) => content)].join("\n")
  const fields = [...all.matchAll(/\{\{\s*([^{}"|]+?)\s*\}\}/g)].map(([, field = ""]) => field)
  // Liquid has other ways to name one.
  return isAsking(texts) && !/\{%|\|/.test(all) && fields.every((field) => Object.hasOwn(param, field))
}

/** In words, where it is so. */
export const sameForAll = "The prompt names no field of the inputs, such as {{text}}: every item asks the same."

/** Only what was said: what a vendor takes for granted is not repeated to it. */
function settingsOf(options: QuestionOptions): ModelSettings {
  const { maxOutputTokens, temperature, topP, modelSeed: seed, stop, reasoningEffort: reasoning } = options
  const all = { maxOutputTokens, temperature, topP, seed, stopSequences: stop && [...stop], reasoning }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Without a prompt, an input brings its own: `{"messages": [{"role", "content"}]}`, as chat data sets have it. */
function ownMessages(record: InputRecord, where: string): PromptMessage[] {
  const { messages } = record
  const parsed = messageList.safeParse(messages)
  if (parsed.success) return parsed.data
  if (isBatchLine(record)) throw usageError(`${where}: a line of an OpenAI batch file. Give --format openai-batch.`)
  throw usageError(
    messages === undefined
      ? `Give a prompt: --prompt, --prompt-file or --messages. ${where} has no "messages" of its own.${namedOtherwise(record)}`
      : `${where}: wanted "messages" to be a list of {"role", "content"}; ${issueIn(parsed.error)}.`,
  )
}

function issueIn(error: z.ZodError): string {
  const [issue] = error.issues
  return `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`
}

async function textOf(
  text: string | undefined,
  file: string | undefined,
  option: string,
  clock: Clock,
): Promise<string | undefined> {
  if (text !== undefined && file !== undefined) throw usageError(`Give ${option} or ${option}-file, not both.`)
  return file === undefined ? text : smallText(file, { what: `${option}-file ${file}`, clock })
}

async function messagesIn(file: string, clock: Clock): Promise<z.infer<typeof messageList>> {
  const parsed = messageList.safeParse(await smallJson(file, { what: `--messages ${file}`, clock }))
  if (parsed.success) return parsed.data
  throw usageError(`--messages ${file}: wanted a list of {"role", "content"}; ${issueIn(parsed.error)}.`)
}
