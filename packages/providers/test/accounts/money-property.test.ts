import { SluiceError } from "@sluice/core"
import fc from "fast-check"
import { expect, it } from "vitest"
import { bench } from "../fake-vendor.ts"

/** At ten dollars a million tokens of output; input costs nothing, so that what a call costs is known to the token. */
const dollarsPerToken = 10 / 1e6
const longestAnswer = 1_000
const prices = { "gpt-5-mini": { input: 0, output: 10, maxOutputTokens: longestAnswer } }

interface Drawn {
  readonly atMs: number
  readonly maxTokens: number | undefined
  /** Of what it may use at most. */
  readonly share: number
  readonly tookMs: number
  /** It fails so often before it is answered. */
  readonly failures: number
  /** Its answer says what it used. */
  readonly isCounted: boolean
  readonly abortMs: number | undefined
}

const call: fc.Arbitrary<Drawn> = fc.record({
  atMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
  maxTokens: fc.option(fc.integer({ min: 1, max: 3_000 }), { nil: undefined, freq: 3 }),
  share: fc.constantFrom(0, 0.01, 0.1, 0.5, 1, 1, 1),
  tookMs: fc.integer({ min: 1, max: 5_000 }),
  failures: fc.constantFrom(0, 0, 0, 0, 1),
  isCounted: fc.constantFrom(true, true, true, true, true, false),
  abortMs: fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: undefined, freq: 5 }),
})

it("what is spent and what calls in flight may cost never exceed a budget by more than nobody could know", async () => {
  const seen = { ok: 0, aborted: 0, "budget-exhausted": 0, "cost-exceeds-limit": 0, long: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8_000 }),
      fc.array(call, { minLength: 1, maxLength: 40 }),
      async (budgetTokens, calls) => {
        const budget = budgetTokens * dollarsPerToken
        const mostOf = ({ maxTokens }: Drawn): number => maxTokens ?? longestAnswer
        const usedBy = (one: Drawn): number => Math.max(1, Math.floor(mostOf(one) * one.share))
        /** What the vendor charges for those that were sent, told or not. */
        let charged = 0
        /** Of that, what could not be known as the call left, or is known to nobody but the vendor. */
        let unknowable = 0
        let answers = 0
        let longest = 0
        const attempts = new Map<number, number>()
        const answered = new Set<number>()
        const { clock, fetch, chat } = bench(
          async (_n, { body, init }) => {
            const id = Number((body["metadata"] as { id: string }).id)
            const one = calls[id]!
            const attempt = (attempts.get(id) ?? 0) + 1
            attempts.set(id, attempt)
            if (attempt <= one.failures) return new Response('{"error":{"message":"down"}}', { status: 503 })
            const used = usedBy(one)
            charged += used
            // With ten answers known nobody expects one of more than twice the longest of them.
            if (answers >= 10) unknowable += Math.max(0, used - 2 * longest)
            if (!one.isCounted) unknowable += used
            expect(charged, "sent").toBeLessThanOrEqual(budgetTokens + unknowable + 1e-6)
            await new Promise<void>((resolve) => void clock.setTimer(one.tookMs, resolve))
            if (init.signal?.aborted) return new Response()
            answered.add(id)
            if (one.isCounted) {
              answers++
              longest = Math.max(longest, used)
            }
            const usage = { prompt_tokens: 4, completion_tokens: used, total_tokens: 4 + used }
            const choices = [{ index: 0, message: { role: "assistant", content: "fine" }, finish_reason: "stop" }]
            return Response.json({ choices, ...(one.isCounted && { usage }) })
          },
          { prices, budgetUsd: budget, concurrency: 100 },
        )
        const ask = async (one: Drawn, id: number): Promise<void> => {
          await new Promise<void>((resolve) => void clock.setTimer(one.atMs, resolve))
          const controller = new AbortController()
          const disarm = clock.setTimer(one.abortMs ?? Infinity, () => {
            const isSent = (attempts.get(id) ?? 0) > one.failures && !answered.has(id)
            // The vendor charges it all the same, and tells nobody.
            if (isSent && one.isCounted) unknowable += usedBy(one)
            controller.abort(new Error("given up"))
          })
          const body = { metadata: { id: `${id}` }, ...(one.maxTokens && { max_completion_tokens: one.maxTokens }) }
          const mayFit = Math.min(mostOf(one), answers >= 10 ? 2 * longest : Infinity) <= budgetTokens
          try {
            const response = await chat({ body, signal: controller.signal })
            await response.text()
            if (response.status !== 200) return
            seen.ok++
            if (usedBy(one) > budgetTokens) seen.long++
          } catch (error) {
            if (controller.signal.aborted) return void seen.aborted++
            if (!SluiceError.isInstance(error)) throw error
            const { code, message } = error
            expect(["budget-exhausted", "cost-exceeds-limit"]).toContain(code)
            seen[code as "budget-exhausted"]++
            // What it would cost, and what there is.
            expect(message).toMatch(/\$\d+\.\d\d.*\$-?\d+\.\d\d/)
            if (code === "cost-exceeds-limit") {
              expect(mayFit, message).toBe(false)
              expect(attempts.get(id)).toBeUndefined()
            }
          } finally {
            disarm()
          }
        }
        await clock.run(Promise.all(calls.map(ask)))
        expect(charged, "in all").toBeLessThanOrEqual(budgetTokens + unknowable + 1e-6)
        expect(fetch.snapshot().every(({ waiting, inFlight }) => waiting + inFlight === 0)).toBe(true)
        await fetch.close()
      },
    ),
    process.env["SLUICE_LONG"] ? { numRuns: 20_000 } : { numRuns: 300, seed: 20_261_124 },
  )
  // A property that never met an ending did not test it.
  for (const [ending, count] of Object.entries(seen)) if (ending !== "long") expect(count, ending).toBeGreaterThan(20)
}, 120_000)
