export const reasoningEfforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const
export type ReasoningEffort = (typeof reasoningEfforts)[number]

/** Fields of a request's body. */
export type RequestOptions = Readonly<Record<string, unknown>>

/** What the command itself says in a request: the journal goes by it. */
export const ownFields: readonly string[] = [
  "model",
  "messages",
  "input",
  "contents",
  "system",
  "stream",
  "response_format",
]

/** `top_k=40`, `stop=["\\n"]`, `provider={"sort":"price"}`: a value is JSON where it can be, else a text. `undefined`: it is none. */
export function parseRequestOption(text: string): RequestOptions | undefined {
  const at = text.indexOf("=")
  const name = text.slice(0, at).trim()
  if (at < 1 || name === "" || ownFields.includes(name)) return undefined
  return { [name]: valueOf(text.slice(at + 1)) }
}

/** What the command has options for, and what vendors call it. */
const settings: readonly (readonly [option: string, setting: string, fields: readonly string[]])[] = [
  ["--temperature", "temperature", ["temperature"]],
  ["--top-p", "topP", ["top_p", "topP"]],
  [
    "--max-output-tokens",
    "maxOutputTokens",
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"],
  ],
  ["--model-seed", "seed", ["seed"]],
  ["--stop", "stopSequences", ["stop", "stop_sequences", "stopSequences"]],
  ["--reasoning-effort", "reasoning", ["reasoning_effort", "reasoning", "thinking", "thinkingConfig"]],
]

/** Two options that say the same thing, of which the vendor would hear one: `["--temperature", "temperature"]`. */
export function saidTwice(
  given: object,
  options: RequestOptions = {},
): readonly [option: string, field: string] | undefined {
  const inside = options["generationConfig"]
  const fields = [...Object.keys(options), ...(isObject(inside) ? Object.keys(inside) : [])]
  for (const [option, setting, names] of settings) {
    const field =
      (given as RequestOptions)[setting] === undefined ? undefined : fields.find((name) => names.includes(name))
    if (field !== undefined) return [option, field]
  }
  return undefined
}

/** Why the value of such an option would not arrive as it was meant; `undefined` where it would. */
export function unsendable(option: string): string | undefined {
  const text = option.slice(option.indexOf("=") + 1)
  if (text === "") return `The value is empty. For an empty text write '""'.`
  if (/^[+-]?\.?(nan|inf|infinity)$/i.test(text)) return `JSON has no number ${text}. For the text write '"${text}"'.`
  const number = lostNumber(valueOf(text))
  return number === undefined
    ? undefined
    : `It holds a number that JSON does not carry as it is (it would be ${number}). Write it as a text, or a smaller one.`
}

/** A number in `value` that has become another one: too large, or with more digits than a number keeps. */
export function lostNumber(value: unknown): number | undefined {
  if (typeof value === "number") {
    const isKept = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
    return isKept ? undefined : value
  }
  if (typeof value !== "object" || value === null) return undefined
  for (const member of Object.values(value)) {
    const found = lostNumber(member)
    if (found !== undefined) return found
  }
  return undefined
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** A `fetch` that puts `options` into the body of every request; inside objects that are there already, beside what they hold. */
export function withRequestOptions(fetch: typeof globalThis.fetch, options: RequestOptions): typeof globalThis.fetch {
  return async (input, init) => {
    // The AI SDK's own requests, whose bodies JavaScript wrote.
    if (typeof init?.body !== "string") return fetch(input, init)
    return fetch(input, { ...init, body: JSON.stringify(merged(JSON.parse(init.body), options)) })
  }
}

function merged(into: unknown, from: unknown): unknown {
  if (!isObject(into) || !isObject(from)) return from
  const result: Record<string, unknown> = { ...into }
  for (const [name, value] of Object.entries(from)) result[name] = name in into ? merged(into[name], value) : value
  return result
}

function isObject(value: unknown): value is RequestOptions {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
