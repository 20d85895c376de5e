import type { FastifyInstance } from "fastify"
import { z } from "zod"
import { answerItem, type BatchItem, checkAnswerable } from "../send/answer-to.ts"
import { BatchJob } from "../batch-job.ts"
import { jsonLines } from "../wire/json-lines.ts"
import { BadRequest } from "../wire/model-call.ts"
import { parseFields, parseJson } from "../wire/parse-body.ts"
import type { VendorState } from "../vendor-state.ts"
import { messages } from "./messages.ts"

const creation = z.looseObject({
  requests: z
    .array(
      z.looseObject({
        custom_id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
        params: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1)
    .max(100_000),
})

/** A request that makes no sense is accepted with the others and errs when its turn comes. */
type AnthropicItem = BatchItem | { readonly customId: string; readonly invalid: string }

interface AnthropicJob {
  readonly id: string
  readonly job: BatchJob<AnthropicItem>
  cancelledMs?: number
  results?: Buffer
}

/** `POST` and `GET /v1/messages/batches`, and of one: `GET`, `DELETE`, `POST …/cancel`, `GET …/results`. */
export function registerAnthropicBatches(app: FastifyInstance, state: VendorState): void {
  const shelf = (): Map<string, AnthropicJob> => state.memory.shelf("anthropic-batches")
  const byId = (params: unknown): AnthropicJob => {
    const { id } = params as { id: string }
    const batch = shelf().get(id)
    if (batch === undefined) throw new BadRequest(`batch not found: ${id}`, null, 404)
    return batch
  }
  const base = "/v1/messages/batches"

  app.post(base, ({ body, host }) => {
    const items = readItems(parseFields(creation, parseJson(body)).requests)
    const batch: AnthropicJob = {
      id: state.memory.nextId("msgbatch_"),
      job: new BatchJob(items, state.clock.now(), state.batch, state.seed),
    }
    state.memory.keep(batch.id, (body as Buffer).length)
    shelf().set(batch.id, batch)
    state.memory.countJob()
    return show(batch, state, host)
  })
  app.get(base, ({ host }) => {
    const data = [...shelf().values()].toReversed().map((batch) => show(batch, state, host))
    return { data, has_more: false, first_id: idOf(data[0]), last_id: idOf(data.at(-1)) }
  })
  app.get(`${base}/:id`, ({ params, host }) => show(byId(params), state, host))
  app.post(`${base}/:id/cancel`, ({ params, host }) => {
    const batch = byId(params)
    batch.cancelledMs ??= state.clock.now()
    batch.job.cancel(state.clock.now())
    return show(batch, state, host)
  })
  app.delete(`${base}/:id`, ({ params }) => {
    const batch = byId(params)
    if (!isEnded(batch, state)) throw new BadRequest(`Batch ${batch.id} cannot be deleted while it is in progress.`)
    shelf().delete(batch.id)
    state.memory.forget(batch.id)
    return { id: batch.id, type: "message_batch_deleted" }
  })
  app.get(`${base}/:id/results`, ({ params }, reply) => {
    const batch = byId(params)
    if (!isEnded(batch, state)) throw new BadRequest(`Batch ${batch.id} has no available results.`, null, 404)
    return reply.type("application/x-jsonl").send((batch.results ??= writeResults(batch, state)))
  })
}

function readItems(requests: z.infer<typeof creation>["requests"]): AnthropicItem[] {
  const seen = new Set<string>()
  return requests.map(({ custom_id: customId, params }, index) => {
    if (seen.has(customId)) throw new BadRequest(`requests.${index}.custom_id: duplicate custom_id ${customId}`)
    seen.add(customId)
    try {
      const call = messages.readCall(params, {})
      checkAnswerable(call)
      return { customId, format: messages, call }
    } catch (error) {
      if (error instanceof BadRequest) return { customId, invalid: error.message }
      throw error
    }
  })
}

function isEnded({ job }: AnthropicJob, { clock }: VendorState): boolean {
  return ["completed", "cancelled", "expired"].includes(job.phase(clock.now()))
}

function show(batch: AnthropicJob, state: VendorState, host: string): object {
  const { id, job } = batch
  const nowMs = state.clock.now()
  const phase = job.phase(nowMs)
  const ended = isEnded(batch, state)
  const done = job.items.slice(0, job.done(nowMs))
  const errored = done.filter((item) => "invalid" in item || job.fails(item)).length
  const rest = job.items.length - done.length
  const time = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(state.clock.wallNow() - nowMs + ms).toISOString()
  const { completed, cancelled, expired } = job.reached(nowMs)
  return {
    id,
    type: "message_batch",
    processing_status: ended ? "ended" : phase === "cancelling" ? "canceling" : "in_progress",
    // Everything counts as processing until the whole batch has ended.
    request_counts: {
      processing: ended ? 0 : job.items.length,
      succeeded: ended ? done.length - errored : 0,
      errored: ended ? errored : 0,
      canceled: phase === "cancelled" ? rest : 0,
      expired: phase === "expired" ? rest : 0,
    },
    created_at: time(job.createdMs),
    expires_at: time(job.createdMs + 86_400_000),
    ended_at: time(completed ?? cancelled ?? expired),
    cancel_initiated_at: time(batch.cancelledMs),
    archived_at: null,
    results_url: ended ? `http://${host}/v1/messages/batches/${id}/results` : null,
  }
}

function writeResults({ job }: AnthropicJob, state: VendorState): Buffer {
  const nowMs = state.clock.now()
  const doneCount = job.done(nowMs)
  const unreached = job.phase(nowMs) === "expired" ? "expired" : "canceled"
  return jsonLines(
    job.items.map((item, index) => {
      const custom_id = item.customId
      if (index >= doneCount) return { custom_id, result: { type: unreached } }
      if ("invalid" in item) return { custom_id, result: erred("invalid_request_error", item.invalid) }
      const message = answerItem(item, job.fails(item), state)
      return {
        custom_id,
        result: message === undefined ? erred("api_error", "Internal server error") : { type: "succeeded", message },
      }
    }),
  )
}

function erred(type: string, message: string): object {
  return { type: "errored", error: { type: "error", error: { type, message, details: null }, request_id: null } }
}

function idOf(shown: object | undefined): string | null {
  return (shown as { id: string } | undefined)?.id ?? null
}
