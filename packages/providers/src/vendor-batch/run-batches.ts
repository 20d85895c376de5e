import { type Outcome, SluiceError } from "@sluice/core"
import { be, checkArgument, checkOptions, hashText } from "@sluice/core/internal"
import { systemClock, systemRandom } from "@sluice/scheduler"
import { learnedDefaults } from "../accounts/token-estimate.ts"
import { measurePrompt } from "../accounts/measure-prompt.ts"
import { batchesInLedger } from "./batch-ledger.ts"
import { BatchRecord } from "./engine/batch-record.ts"
import { contentHash } from "./engine/content-hash.ts"
import { LaneCapacity } from "./engine/lane-capacity.ts"
import { type LaneEnd, VendorLane } from "./engine/vendor-lane.ts"
import { type RunBatchesOptions, runBatchesChecks, runBatchesDefaults } from "./run-batches-options.ts"
import type { BatchVendor, FailedResult } from "./vendors/batch-vendor.ts"

type Body = Readonly<Record<string, unknown>>

/**
 * Runs requests through a vendor's batch API: splits, submits, looks, collects, matches by id, submits what is missing
 * or expired again, and asks `online` for the rest.
 *
 * Exactly one outcome per request, in input order, whatever order the vendor answers in. The intent to create a batch is
 * in the ledger before, and its id after: run again with the same requests and ledger, it goes on where it was, and
 * submits nothing twice. Where the account may spend no more, every request without an answer fails with
 * `quota-exhausted`, nothing more is sent, and the same call made again later goes on. An abort rejects at once with
 * `signal.reason`; with a ledger the batches run on, and are found again, without one they are cancelled.
 * Rejects with the vendor's error where it makes no batch of such requests. Holds all requests and results of the run.
 *
 * @example
 * ```ts no-run
 * const outcomes = await runBatches([{ model: "m", messages: [] }], { vendor: openaiBatches(new OpenAI()) })
 * outcomes[0]?.status // => "ok"
 * ```
 */
export async function runBatches(bodies: readonly Body[], options: RunBatchesOptions): Promise<Outcome<unknown>[]> {
  checkArgument("runBatches", "bodies", bodies, be("a list of request bodies", Array.isArray))
  checkOptions("runBatches", options, runBatchesChecks)
  const { vendor, online, signal } = options
  const leaving = new AbortController()
  const either = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal
  try {
    const ends = await throughLane(bodies, options, either, (error) => leaving.abort(error))
    const capped = ends.find(({ result }) => result?.status === "failed" && result.isSpendCap)?.result
    return await Promise.all(
      ends.map(async (end, index): Promise<Outcome<unknown>> => {
        const { result, because, rounds } = end
        if (result?.status === "ok") return { status: "ok", index, value: result.body, attempts: rounds }
        const isForGood = result ? !result.isSpendCap : because && !because.again
        if (isForGood) return failed(vendor, index, result ?? because, rounds)
        if (capped) return unpaid(vendor, index, capped as FailedResult)
        if (!online) return failed(vendor, index, because, rounds)
        return answerOnline(online, bodies[index]!, index, rounds + 1, signal)
      }),
    )
  } finally {
    // Nobody follows the others any more once one has failed for good.
    leaving.abort()
  }
}

async function throughLane(
  bodies: readonly Body[],
  options: RunBatchesOptions,
  signal: AbortSignal,
  onClosed: (error: unknown) => void,
): Promise<LaneEnd[]> {
  signal.throwIfAborted()
  const { vendor, ledger, onUsage, onBatch, clock = systemClock, random = systemRandom } = options
  const contents = await Promise.all(bodies.map((body) => contentHash(vendor.name, "", body)))
  const notes = ledger && batchesInLedger(ledger, hashText(contents).slice(0, 12))
  const lane = new VendorLane({
    vendor,
    options,
    clock,
    random,
    onBatch,
    onClosed,
    record: await BatchRecord.open(notes),
    capacity: new LaneCapacity(Infinity, options.maxEnqueuedTokens ?? Infinity),
    maxBlindLooks: runBatchesDefaults.maxBlindLooks,
    onlineMs: () => 0,
  })
  const asked = bodies.map(async (body, nth): Promise<LaneEnd> => {
    const tokens = Math.ceil(measurePrompt(body).textChars * learnedDefaults.tokensPerChar)
    const end = await lane.ask({ content: contents[nth]!, body, nth, tokens, signal })
    if (end.result?.status === "ok" && end.result.usage) onUsage?.(end.result.usage, vendor.priceShare)
    return end
  })
  lane.submit()
  return Promise.all(asked)
}

/** Not sent, or refused for want of money: run again, it is sent. */
function unpaid(vendor: BatchVendor, index: number, { code, message }: FailedResult): Outcome<unknown> {
  const error = new SluiceError(
    "quota-exhausted",
    `${vendor.name} batch: the vendor refuses this account (${code}): ${message} Request ${index} stays open: run again with the same ledger once it may spend again.`,
    { details: { why: "billing", vendor: vendor.name, index, code } },
  )
  return { status: "failed", index, error, attempts: 1 }
}

async function answerOnline(
  online: NonNullable<RunBatchesOptions["online"]>,
  body: Body,
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

function failed(
  vendor: BatchVendor,
  index: number,
  result: FailedResult | undefined,
  attempts: number,
): Outcome<unknown> {
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
