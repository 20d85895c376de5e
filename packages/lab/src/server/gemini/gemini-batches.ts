import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { z } from "zod"
import { answerItem, type BatchItem, checkAnswerable } from "../send/answer-to.ts"
import { BatchJob, type BatchPhase } from "../batch-job.ts"
import { BadRequest } from "../wire/model-call.ts"
import { parseFields, parseJson } from "../wire/parse-body.ts"
import type { VendorState } from "../vendor-state.ts"
import { geminiVoice } from "./gemini-voice.ts"
import { generateContent } from "./generate-content.ts"

const record = z.record(z.string(), z.unknown())

const creation = z.looseObject({
  batch: z.looseObject({
    displayName: z.string().optional(),
    inputConfig: z.looseObject({
      requests: z.looseObject({
        requests: z.array(z.looseObject({ request: record, metadata: record.optional() })).min(1),
      }),
    }),
  }),
})

/** A request that makes no sense is accepted with the others and errs when its turn comes. */
type GeminiItem = (BatchItem | { readonly customId: string; readonly invalid: string }) & {
  readonly metadata: Readonly<Record<string, unknown>> | undefined
}

interface GeminiBatchJob {
  readonly name: string
  readonly model: string
  readonly displayName: string | undefined
  /** As they came; results keep this order. */
  readonly items: readonly GeminiItem[]
  readonly job: BatchJob<GeminiItem>
  results?: readonly object[]
}

const states: Readonly<Record<BatchPhase, string>> = {
  validating: "BATCH_STATE_PENDING",
  in_progress: "BATCH_STATE_RUNNING",
  finalizing: "BATCH_STATE_RUNNING",
  completed: "BATCH_STATE_SUCCEEDED",
  failed: "BATCH_STATE_FAILED",
  cancelling: "BATCH_STATE_RUNNING",
  cancelled: "BATCH_STATE_CANCELLED",
  expired: "BATCH_STATE_EXPIRED",
}

/**
 * `POST …/models/{model}:batchGenerateContent` with inlined requests, and `…/batches`: `GET`, `GET /{id}`, `POST /{id}:cancel`,
 * `DELETE /{id}`. A job that was cancelled or has expired has no results. "Batch API" of its documentation, read 2026-11.
 */
export function registerGeminiBatches(app: FastifyInstance, state: VendorState): void {
  const byId = (id: string): GeminiBatchJob => {
    const batch = shelfOf(state).get(`batches/${id}`)
    if (batch === undefined) throw new BadRequest(`batches/${id} is not found.`, null, 404)
    return batch
  }
  const targetOf = (request: FastifyRequest): string => (request.params as { target: string }).target

  for (const version of ["v1alpha", "v1beta"]) {
    const base = `/${version}/batches`
    app.get(base, () => ({ operations: [...shelfOf(state).values()].toReversed().map((batch) => show(batch, state)) }))
    app.get(`${base}/:target`, (request) => show(byId(targetOf(request)), state))
    app.post(`${base}/:target`, (request) => {
      const [id = "", method] = targetOf(request).split(":")
      if (method !== "cancel") throw new BadRequest(`${String(method)} is not supported.`, null, 404)
      byId(id).job.cancel(state.clock.now())
      return {}
    })
    app.delete(`${base}/:target`, (request) => {
      const { name } = byId(targetOf(request))
      shelfOf(state).delete(name)
      state.memory.forget(name)
      return {}
    })
  }
}

/** Creates a batch; more tokens than may be enqueued are refused at once. */
export function createGeminiBatch(
  model: string,
  body: unknown,
  reply: FastifyReply,
  state: VendorState,
): object | FastifyReply {
  const { displayName, inputConfig } = parseFields(creation, parseJson(body)).batch
  const items = inputConfig.requests.requests.map(({ request, metadata }, index) =>
    readItem(model, request, metadata, index),
  )
  const batches = [...shelfOf(state).values()]
  const open = batches.filter(({ job }) => ["validating", "in_progress"].includes(job.phase(state.clock.now())))
  const { maxEnqueuedTokens = Infinity } = state.batch
  if (tokensOf(items) + open.reduce((sum, batch) => sum + tokensOf(batch.items), 0) > maxEnqueuedTokens) {
    const refusal = { admitted: false, reason: "tooLarge", status: 429, dimension: "tokens", message: "" } as const
    const answer = geminiVoice.refuse(
      { ...refusal, limit: maxEnqueuedTokens },
      { model, requestId: "", billingCode: undefined },
    )
    return reply.code(answer.status).send(answer.body)
  }
  const batch: GeminiBatchJob = {
    name: state.memory.nextId("batches/"),
    model: `models/${model}`,
    displayName,
    items,
    job: new BatchJob(items, state.clock.now(), state.batch, state.seed),
  }
  state.memory.keep(batch.name, (body as Buffer).length)
  shelfOf(state).set(batch.name, batch)
  state.memory.countJob()
  return show(batch, state)
}

function readItem(
  model: string,
  request: Record<string, unknown>,
  metadata: Record<string, unknown> | undefined,
  index: number,
): GeminiItem {
  const key = metadata?.["key"]
  const customId = typeof key === "string" ? key : `${index}`
  try {
    const call = generateContent.readCall(request, { model, method: "generateContent" })
    checkAnswerable(call)
    return { customId, metadata, format: generateContent, call }
  } catch (error) {
    if (error instanceof BadRequest) return { customId, metadata, invalid: error.message }
    throw error
  }
}

function shelfOf({ memory }: VendorState): Map<string, GeminiBatchJob> {
  return memory.shelf("gemini-batches")
}

function tokensOf(items: readonly GeminiItem[]): number {
  return items.reduce((sum, item) => sum + ("call" in item ? item.call.inputTokens : 0), 0)
}

function show(batch: GeminiBatchJob, state: VendorState): object {
  const { name, model, displayName, job } = batch
  const nowMs = state.clock.now()
  const phase = job.phase(nowMs)
  const { completed, cancelled, expired } = job.reached(nowMs)
  const endedMs = completed ?? cancelled ?? expired
  const time = (ms: number): string => new Date(state.clock.wallNow() - nowMs + ms).toISOString()
  const done = job.items.slice(0, job.done(nowMs))
  const failed = done.filter((item) => "invalid" in item || job.fails(item)).length
  const output = phase === "completed" && { inlinedResponses: { inlinedResponses: resultsOf(batch, state) } }
  return {
    name,
    metadata: {
      "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
      name,
      model,
      ...(displayName !== undefined && { displayName }),
      state: states[phase],
      createTime: time(job.createdMs),
      updateTime: time(endedMs ?? nowMs),
      ...(endedMs !== undefined && { endTime: time(endedMs) }),
      // 64-bit numbers are text in Google's JSON.
      batchStats: {
        requestCount: `${job.items.length}`,
        pendingRequestCount: `${job.items.length - done.length}`,
        successfulRequestCount: `${done.length - failed}`,
        failedRequestCount: `${failed}`,
      },
      ...(output && { output }),
    },
    ...(endedMs !== undefined && { done: true }),
    ...(output && { response: output }),
  }
}

function resultsOf(batch: GeminiBatchJob, state: VendorState): readonly object[] {
  return (batch.results ??= batch.items.map((item) => {
    const metadata = item.metadata && { metadata: item.metadata }
    if ("invalid" in item) return { ...metadata, error: { code: 3, message: item.invalid } }
    const response = answerItem(item, batch.job.fails(item), state)
    return {
      ...metadata,
      ...(response ? { response } : { error: { code: 13, message: "Internal error encountered." } }),
    }
  }))
}
