import { type Outcome, SluiceError } from "@sluice/core"
import { systemClock, systemRandom } from "@sluice/scheduler"
import { hashText } from "../accounts/hash-text.ts"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { memoryLedger } from "./batch-ledger.ts"
import type { BatchRequest, BatchResult, BatchVendor } from "./vendors/batch-vendor.ts"
import { followBatch } from "./follow-batch.ts"
import { type RunBatchesOptions, runBatchesDefaults } from "./run-batches-options.ts"
import { splitRequests } from "./split-requests.ts"

/**
 * Runs requests through a vendor's batch API: splits, submits, looks, collects, matches by id, submits what is missing
 * or expired again, and asks `online` for the rest.
 *
 * Exactly one outcome per request, in input order, whatever order the vendor answers in. The intent to create a batch is
 * in the ledger before, and its id after: run again with the same requests and ledger, it goes on where it was, and
 * submits nothing twice. Where the account may spend no more, every request without an answer fails with
 * `quota-exhausted`, nothing more is sent, and the same call made again later goes on. An abort rejects at once with `signal.reason`; the batches run on, and are found again.
 * Holds all requests and results of the run.
 *
 * @example
 * ```ts no-run
 * const outcomes = await runBatches([{ model: "m", messages: [] }], { vendor: openaiBatches(new OpenAI()) })
 * outcomes[0]?.status // => "ok"
 * ```
 */
export async function runBatches(
  bodies: readonly Readonly<Record<string, unknown>>[],
  options: RunBatchesOptions,
): Promise<Outcome<unknown>[]> {
  const { vendor, online, signal, maxRounds = runBatchesDefaults.maxRounds } = options
  const outcomes: Outcome<unknown>[] = []
  let open = bodies.map((_, index) => index)
  const failures = new Map<number, Failed>()
  let lastRound = maxRounds
  let cap: Failed | undefined
  for (let round = 1; round <= lastRound && open.length > 0 && !cap; round++) {
    const results = await runRound(open, bodies, round, options)
    open = open.filter((index) => {
      const result = results.get(index)
      if (result?.status === "failed" && result.isSpendCap) cap ??= result
      if (result?.status === "ok") outcomes[index] = { status: "ok", index, value: result.body, attempts: round }
      else if (result && !result.again && !result.isSpendCap) outcomes[index] = failed(vendor, index, result, round)
      else {
        if (result) failures.set(index, result)
        return true
      }
      return false
    })
    // A round of an earlier run that ended for want of money is no try.
    if (open.some((index) => isOldCap(results.get(index)))) lastRound++
  }
  if (cap) for (const index of open) outcomes[index] = unpaid(vendor, index, cap)
  await Promise.all(
    (cap ? [] : open).map(async (index) => {
      if (!online) outcomes[index] = failed(vendor, index, failures.get(index), maxRounds)
      else outcomes[index] = await answerOnline(online, bodies[index]!, index, maxRounds + 1, signal)
    }),
  )
  return outcomes
}

type Failed = Extract<BatchResult, { status: "failed" }>

const isOldCap = (result: BatchResult | undefined): boolean =>
  result?.status === "failed" && result.isSpendCap === false

/** Not sent, or refused for want of money: run again, it is sent. */
function unpaid(vendor: BatchVendor, index: number, { code, message }: Failed): Outcome<unknown> {
  const error = new SluiceError(
    "quota-exhausted",
    `${vendor.name} batch: the vendor refuses this account (${code}): ${message} Request ${index} stays open: run again with the same ledger once it may spend again.`,
    { details: { why: "billing", vendor: vendor.name, index, code } },
  )
  return { status: "failed", index, error, attempts: 1 }
}

/** Submits what is open, in pieces, and gathers what came back, by index. */
async function runRound(
  open: readonly number[],
  bodies: readonly Readonly<Record<string, unknown>>[],
  round: number,
  options: RunBatchesOptions,
): Promise<Map<number, BatchResult>> {
  const { vendor, clock = systemClock, random = systemRandom, ledger = memoryLedger() } = options
  const maxTokens = options.maxEnqueuedTokens ?? Infinity
  // The same work has the same name in every process: so it is recognised after a crash.
  const label = hashText([`${round}`, ...open.map((index) => `${index}:${JSON.stringify(bodies[index])}`)]).slice(0, 12)
  const requests = open.map((index): BatchRequest => ({ customId: `sluice-${label}-${index}`, body: bodies[index]! }))
  const pieces = splitRequests(
    requests,
    {
      maxRequests: Math.min(vendor.maxRequests, options.maxRequests ?? Infinity),
      maxBytes: vendor.maxBytes,
      maxTokens,
    },
    (request) => ({
      bytes: vendor.sizeOf(request),
      tokens: maxTokens === Infinity ? 0 : Math.ceil(measurePrompt(request.body).textChars / 4),
    }),
  )
  const results = new Map<number, BatchResult>()
  const others = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, others.signal]) : others.signal
  const names = new Map(requests.map((request, position) => [request.customId, open[position]!]))
  const follow = async (piece: BatchRequest[], part: number): Promise<void> => {
    for await (const result of followBatch(piece, `${label}/${part}`, { ...options, signal, clock, random, ledger })) {
      const index = names.get(result.customId)
      // A stranger's result, or the same once more, changes nothing.
      if (index === undefined || results.get(index)?.status === "ok") continue
      results.set(index, result)
      if (result.status === "ok" && result.usage) options.onUsage?.(result.usage, vendor.priceShare)
    }
  }
  try {
    if (maxTokens === Infinity) await Promise.all(pieces.map(follow))
    else for (const [part, piece] of pieces.entries()) await follow(piece, part)
  } finally {
    // Nobody follows the others any more once one has failed for good.
    others.abort()
  }
  return results
}

async function answerOnline(
  online: NonNullable<RunBatchesOptions["online"]>,
  body: Readonly<Record<string, unknown>>,
  index: number,
  attempts: number,
  signal: AbortSignal | undefined,
): Promise<Outcome<unknown>> {
  try {
    return { status: "ok", index, value: await online(body, signal), attempts }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    return { status: "failed", index, error, attempts }
  }
}

function failed(vendor: BatchVendor, index: number, result: Failed | undefined, attempts: number): Outcome<unknown> {
  const said = result
    ? `${result.code}${result.message === "" ? "" : `: ${result.message}`}`
    : "it is in no result file"
  const error = new SluiceError(
    "vendor-refused",
    `${vendor.name} batch, request ${index}: ${said}. ${attempts} rounds. Pass \`online\` to have such requests answered one by one.`,
    {
      retryable: result?.again ?? true,
      details: { vendor: vendor.name, index, code: result?.code, attempts },
    },
  )
  return { status: "failed", index, error, attempts }
}
