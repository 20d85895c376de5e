import { z } from "zod"
import { type BatchItem, checkAnswerable } from "../send/answer-to.ts"
import { checkFields, isDeeper, MAX_DEPTH } from "../wire/parse-body.ts"
import type { WireFormat } from "../wire/wire-format.ts"

/** Why a job fails in validation, as the API shows it. */
export interface BatchInputError {
  readonly code: string
  readonly message: string
  readonly param: string | null
  /** 1-based. */
  readonly line: number | null
}

const MAX_REQUESTS = 50_000

const lineFields = z.looseObject({
  custom_id: z.string().min(1),
  method: z.literal("POST"),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
})

/** Reads the JSONL input of a batch. Every faulty line is an error; any error fails the whole job. */
export function readBatchInput(
  text: string,
  endpoint: string,
  format: WireFormat,
): { items: BatchItem[]; errors: BatchInputError[] } {
  const items: BatchItem[] = []
  const errors: BatchInputError[] = []
  const seen = new Set<string>()
  const fail = (code: string, message: string, param: string | null, line: number | null): void =>
    void errors.push({ code, message, param, line })

  for (const [index, raw] of text.split("\n").entries()) {
    if (raw.trim() === "") continue
    const number = index + 1
    const parsed = checkFields(lineFields, parseLine(raw))
    if (!("data" in parsed)) {
      const code = parsed.path.length === 0 ? "invalid_json_line" : "missing_required_parameter"
      fail(code, parsed.message, parsed.path.join("."), number)
      continue
    }
    const { custom_id: customId, url, body } = parsed.data
    if (url !== endpoint)
      fail("mismatched_url", "The URL provided for this request does not match the batch endpoint.", "url", number)
    else if (seen.has(customId))
      fail("duplicate_custom_id", `The custom_id '${customId}' was used before.`, "custom_id", number)
    else if (body["stream"] === true)
      fail("invalid_request", "Streaming is not supported in batches.", "body.stream", number)
    else {
      seen.add(customId)
      try {
        const call = format.readCall(body, {})
        checkAnswerable(call)
        items.push({ customId, format, call })
      } catch (error) {
        fail("invalid_request", error instanceof Error ? error.message : String(error), "body", number)
      }
    }
  }
  if (new Set(items.map(({ call }) => call.model)).size > 1)
    fail("model_mismatch", "All requests of a batch must name the same model.", "body.model", null)
  if (items.length > MAX_REQUESTS)
    fail(
      "too_many_requests",
      `A batch holds at most ${MAX_REQUESTS} requests, this one has ${items.length}.`,
      null,
      null,
    )
  if (items.length === 0 && errors.length === 0) fail("empty_file", "The input file is empty.", null, null)
  return { items, errors }
}

function parseLine(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return isDeeper(value, MAX_DEPTH) ? undefined : value
  } catch {
    return undefined
  }
}
