import type { Settlement, SluiceEvent } from "@sluice/core"
import { awakeQuota, seededRandom, VirtualClock } from "@sluice/lab"
import { expect, test, vi } from "vitest"
import type { Quota } from "../../src/index.ts"

const no: Settlement = { outcome: "throttled", reason: "rate", message: "Slow down, please." }

/** Asks until `untilMs`, and every call is refused. */
async function refusedUntil(quota: Quota, clock: VirtualClock, untilMs: number): Promise<number> {
  let refusals = 0
  let stopped = false
  const asking = (async () => {
    for (;;) {
      const permit = await quota.admit()
      if (stopped) return permit.settle({ outcome: "success" })
      permit.settle(no)
      refusals++
    }
  })()
  while (clock.now() < untilMs) await clock.advance(500)
  stopped = true
  await clock.advance(600_000)
  await asking
  return refusals
}

test("a gate that stays shut is told once, with how many refusals, since when, the vendor's words and what to do", async () => {
  const clock = new VirtualClock({ startMs: 0, wallMs: 0 })
  const warnings: (SluiceEvent & { type: "warning" })[] = []
  const onEvent = (event: SluiceEvent): void => void (event.type === "warning" && warnings.push(event))
  const quota = awakeQuota({ name: "openai/ab12/gpt", clock, random: seededRandom(1), onEvent })
  await refusedUntil(quota, clock, 300_000)
  expect(warnings).toMatchObject([{ code: "only-refusals" }])
  const [{ message, atMs }] = warnings as [(typeof warnings)[0]]
  expect(message).toMatch(
    /^openai\/ab12\/gpt: for (3|4|5|6)\d s every call was refused \(\d+ refusals, the last for: rate\)\. The vendor's last words: "Slow down, please\."\. The next call goes in \d+ s\./,
  )
  expect(message).toContain("My 429s do not go away")
  expect(atMs).toBeGreaterThanOrEqual(30_000)
  expect(atMs).toBeLessThan(70_000)
})

test("an answer between refusals, or one long delay that is kept, is no warning", async () => {
  const clock = new VirtualClock({ startMs: 0, wallMs: 0 })
  const codes: string[] = []
  const quota = awakeQuota({
    clock,
    random: seededRandom(1),
    onEvent: (event) => void (event.type === "warning" && codes.push(event.code)),
  })
  for (let n = 0; n < 10; n++) {
    const asked = [quota.admit(), quota.admit()]
    await clock.advance(120_000)
    const [first, second] = await Promise.all(asked)
    first!.settle({ ...no, retryAfterMs: 60_000 })
    await clock.advance(61_000)
    second!.settle({ outcome: "success" })
  }
  expect(codes).toEqual([])
})

test("where nobody listens the process is told", async () => {
  const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => {})
  const clock = new VirtualClock({ startMs: 0, wallMs: 0 })
  await refusedUntil(awakeQuota({ clock, random: seededRandom(1) }), clock, 100_000)
  expect(emit.mock.calls.map(([, options]) => options)).toEqual([{ type: "SluiceWarning", code: "only-refusals" }])
  emit.mockRestore()
})
