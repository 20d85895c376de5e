import { hash } from "node:crypto"
import type { FastifyInstance } from "fastify"
import { z } from "zod"
import { BatchJob } from "../batch-job.ts"
import { answerItem, type BatchItem } from "../send/answer-to.ts"
import { jsonLines } from "../wire/json-lines.ts"
import { BadRequest } from "../wire/model-call.ts"
import { parseFields, parseJson } from "../wire/parse-body.ts"
import type { VendorState } from "../vendor-state.ts"
import type { WireFormat } from "../wire/wire-format.ts"
import { chatCompletions, SERVER_ERROR } from "./chat-completions.ts"
import { embeddings } from "./embeddings.ts"
import { fileById, storeFile } from "./openai-files.ts"
import { readBatchInput, type BatchInputError } from "./read-batch-input.ts"
import { responses } from "./responses.ts"

const formats: Readonly<Record<string, WireFormat>> = {
  "/v1/chat/completions": chatCompletions,
  "/v1/responses": responses,
  "/v1/embeddings": embeddings,
}

const creation = z.looseObject({
  input_file_id: z.string(),
  endpoint: z.enum(Object.keys(formats)),
  completion_window: z.literal("24h"),
  metadata: z.record(z.string(), z.string()).nullish(),
})

interface OpenAIJob {
  readonly id: string
  readonly order: z.infer<typeof creation>
  readonly job: BatchJob<BatchItem>
  readonly errors: readonly BatchInputError[]
  /** The files, written when the job is over. */
  files?: { readonly output_file_id: string | undefined; readonly error_file_id: string | undefined }
}

/** `POST /v1/batches`, `GET /v1/batches`, `GET /v1/batches/{id}`, `POST /v1/batches/{id}/cancel`. */
export function registerBatches(app: FastifyInstance, state: VendorState): void {
  const shelf = (): Map<string, OpenAIJob> => state.memory.shelf("openai-batches")
  const byId = (params: unknown): OpenAIJob => {
    const { id } = params as { id: string }
    const batch = shelf().get(id)
    if (batch === undefined) throw new BadRequest(`No batch found with id '${id}'.`, null, 404)
    return batch
  }

  app.post("/v1/batches", ({ body }) => {
    const order = parseFields(creation, parseJson(body))
    const { content } = fileById(state.memory, order.input_file_id)
    const { items, errors } = readBatchInput(
      content.toString("utf8"),
      order.endpoint,
      formats[order.endpoint] as WireFormat,
    )
    const tooMany = queueError(items, [...shelf().values()], state)
    const all = tooMany === undefined ? errors : [...errors, tooMany]
    const job = new BatchJob(items, state.clock.now(), state.batch, state.seed, all.length > 0)
    const batch: OpenAIJob = { id: state.memory.nextId("batch_"), order, job, errors: all }
    shelf().set(batch.id, batch)
    state.memory.countJob()
    return show(batch, state)
  })
  app.get("/v1/batches", () => {
    const data = [...shelf().values()].map((batch) => show(batch, state)).toReversed()
    return { object: "list", data, has_more: false }
  })
  app.get("/v1/batches/:id", ({ params }) => show(byId(params), state))
  app.post("/v1/batches/:id/cancel", ({ params }) => {
    const batch = byId(params)
    batch.job.cancel(state.clock.now())
    return show(batch, state)
  })
}

/** OpenAI accepts the job and fails it later when too many tokens are enqueued. */
function queueError(
  items: readonly BatchItem[],
  batches: readonly OpenAIJob[],
  { batch, clock }: VendorState,
): BatchInputError | undefined {
  const { maxEnqueuedTokens = Infinity } = batch
  const tokens = (of: readonly BatchItem[]): number => of.reduce((sum, { call }) => sum + call.inputTokens, 0)
  const open = batches.filter(({ job }) => ["validating", "in_progress"].includes(job.phase(clock.now())))
  const enqueued = open.reduce((sum, { job }) => sum + tokens(job.items), tokens(items))
  if (enqueued <= maxEnqueuedTokens) return undefined
  const model = items[0]?.call.model ?? ""
  const message = `Enqueued token limit reached for ${model} in organization org-lab. Limit: ${maxEnqueuedTokens} enqueued tokens. Please try again once some in_progress batches have been completed.`
  return { code: "token_limit_exceeded", message, param: null, line: null }
}

function show(batch: OpenAIJob, state: VendorState): object {
  const { id, order, job, errors } = batch
  const nowMs = state.clock.now()
  const phase = job.phase(nowMs)
  const seconds = (ms: number | undefined): number | null =>
    ms === undefined ? null : Math.floor((state.clock.wallNow() - nowMs + ms) / 1000)
  const at = job.reached(nowMs)
  const done = job.items.slice(0, job.done(nowMs))
  const failed = done.filter((item) => job.fails(item)).length
  const isOver = phase === "completed" || phase === "cancelled" || phase === "expired"
  if (isOver) batch.files ??= writeFiles(batch, done, phase, state)
  return {
    id,
    object: "batch",
    endpoint: order.endpoint,
    model: job.items[0]?.call.model ?? null,
    errors: phase === "failed" ? { object: "list", data: errors } : null,
    input_file_id: order.input_file_id,
    completion_window: order.completion_window,
    status: phase,
    output_file_id: batch.files?.output_file_id ?? null,
    error_file_id: batch.files?.error_file_id ?? null,
    created_at: seconds(job.createdMs),
    in_progress_at: seconds(at.in_progress),
    expires_at: seconds(job.createdMs + 86_400_000),
    finalizing_at: seconds(at.finalizing),
    completed_at: seconds(at.completed),
    failed_at: seconds(at.failed),
    expired_at: seconds(at.expired),
    cancelling_at: seconds(at.cancelling),
    cancelled_at: seconds(at.cancelled),
    request_counts: { total: phase === "failed" ? 0 : job.items.length, completed: done.length - failed, failed },
    metadata: order.metadata ?? null,
  }
}

/** Answers to the output file, errors to another one. What an expired job did not reach is an error, too. */
function writeFiles(
  { id, job }: OpenAIJob,
  done: readonly BatchItem[],
  phase: string,
  state: VendorState,
): NonNullable<OpenAIJob["files"]> {
  const output: object[] = []
  const errors: object[] = []
  for (const item of done) {
    const line = (status: number, body: object): object => ({
      id: state.memory.nextId("batch_req_"),
      custom_id: item.customId,
      response: { status_code: status, request_id: hash("sha1", `${id}/${item.customId}`), body },
      error: null,
    })
    const answered = answerItem(item, job.fails(item), state)
    if (answered === undefined)
      errors.push(line(500, { error: { message: SERVER_ERROR, type: "server_error", param: null, code: null } }))
    else output.push(line(200, answered))
  }
  if (phase === "expired") {
    const error = {
      code: "batch_expired",
      message: "This request could not be executed before the completion window expired.",
    }
    for (const { customId } of job.items.slice(done.length))
      errors.push({ id: state.memory.nextId("batch_req_"), custom_id: customId, response: null, error })
  }
  const store = (lines: readonly object[], name: string): string | undefined =>
    lines.length === 0 ? undefined : storeFile(state, `${id}_${name}.jsonl`, "batch_output", jsonLines(lines)).id
  return { output_file_id: store(output, "output"), error_file_id: store(errors, "error") }
}
