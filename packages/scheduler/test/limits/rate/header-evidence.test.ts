import { createLimitModel } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { type WindowFinding, HeaderEvidence } from "../../../src/limits/rate/header-evidence.ts"
import type { RateKind } from "../../../src/limits/rate/rate-limit-options.ts"
import { TakenLog } from "../../../src/limits/rate/taken-log.ts"

/** What is found, and after how many answers, where one call leaves every `everyMs` and its answer comes 100 ms later. */
function found(
  vendor: { readonly limit: number; readonly model?: "sliding" | "fixed"; readonly burst?: number },
  kind: RateKind,
  everyMs = 100,
  startMs = 0,
): { readonly finding: WindowFinding | undefined; readonly answers: number } {
  const model = createLimitModel({ anchorMs: 40_000, ...vendor })
  const log = new TakenLog({ windowMs: 60_000, marginMs: 0 })
  const evidence = new HeaderEvidence("requests", 60_000)
  for (let i = 0; i < 400; i++) {
    const sentMs = startMs + i * everyMs
    if (!model.tryTake(sentMs, 1)) continue
    log.take(sentMs, 1)
    const reading = {
      dimension: "requests",
      limit: vendor.limit,
      remaining: Math.floor(model.remaining(sentMs)),
      resetMs: Math.ceil(model.msUntilFull(sentMs)),
    } as const
    const finding = evidence.hear(reading, { nowMs: sentMs + 100, sentMs, kind, log, isRefusal: false })
    if (finding && (finding.kind !== kind || finding.depth !== undefined)) return { finding, answers: i + 1 }
  }
  return { finding: undefined, answers: 400 }
}

describe("what headers say of a limit that was taken for a bucket", () => {
  it("a fixed minute, within a few answers, and when it ends", () => {
    const { finding, answers } = found({ limit: 600, model: "fixed" }, "bucket")
    expect(finding).toMatchObject({ kind: "fixed" })
    expect(finding!.resetAtMs).toBeGreaterThan(39_900)
    expect(finding!.resetAtMs).toBeLessThan(40_200)
    expect(answers).toBeLessThanOrEqual(30)
  })

  it("a sliding minute, within a few answers", () => {
    const { finding, answers } = found({ limit: 600, model: "sliding" }, "bucket")
    expect(finding).toEqual({ kind: "sliding" })
    expect(answers).toBeLessThanOrEqual(10)
  })

  it("a sliding minute, also where the first answer comes long after the clock's beginning", () => {
    expect(found({ limit: 600, model: "sliding" }, "bucket", 100, 3_600_000).finding).toEqual({ kind: "sliding" })
    expect(found({ limit: 600, model: "sliding" }, "sliding", 100, 3_600_000).finding).toBeUndefined()
  })

  it("a bucket of its whole limit is one, and stays one", () => {
    expect(found({ limit: 600 }, "bucket", 50).finding ?? { kind: "bucket" }).toMatchObject({ kind: "bucket" })
  })

  it("a shallow bucket, and how deep it is", () => {
    const { finding } = found({ limit: 600, burst: 60 }, "bucket")
    expect(finding).toMatchObject({ kind: "bucket" })
    expect(finding!.depth).toBeGreaterThan(58)
    expect(finding!.depth).toBeLessThan(64)
  })
})

it("answers of a window in whole seconds that overtake each other are not those of a bucket", () => {
  const evidence = new HeaderEvidence("requests", 60_000)
  const log = new TakenLog({ windowMs: 60_000, marginMs: 0 })
  const findings = Array.from({ length: 80 }, (_, remaining) =>
    evidence.hear(
      { dimension: "requests", limit: 200, remaining, resetMs: 7_000 },
      { nowMs: 3_000 + remaining, sentMs: 2_900 - remaining, kind: "bucket", log, isRefusal: false },
    ),
  )
  expect(findings.filter(Boolean)).toEqual([])
})

describe("what headers say of a window that the user told", () => {
  for (const kind of ["sliding", "fixed"] as const) {
    it(`told ${kind}, a shallow bucket in truth: is taken back`, () => {
      expect(found({ limit: 600, burst: 60 }, kind).finding).toMatchObject({ kind: "bucket" })
    })
  }

  it("told fixed: within as long as a window that ends soon would show", () => {
    const { finding, answers } = found({ limit: 600, burst: 10 }, "fixed")
    expect(finding).toMatchObject({ kind: "bucket" })
    expect(answers).toBeLessThanOrEqual(10)
  })

  it("told fixed, and answers that left together come late: nothing", () => {
    const evidence = new HeaderEvidence("requests", 60_000)
    const log = new TakenLog({ windowMs: 60_000, marginMs: 0 })
    const findings = Array.from({ length: 20 }, (_, i) =>
      evidence.hear(
        { dimension: "requests", limit: 600, remaining: 9, resetMs: 1_000 },
        { nowMs: i * 500, sentMs: 0, kind: "fixed", log, isRefusal: false },
      ),
    )
    expect(findings.filter((one) => one?.kind === "bucket")).toEqual([])
  })

  it("told sliding, and it is: nothing", () => {
    expect(found({ limit: 600, model: "sliding" }, "sliding").finding).toBeUndefined()
  })
})

it("an answer without a reset says nothing of the kind", () => {
  const evidence = new HeaderEvidence("requests", 60_000)
  const log = new TakenLog({ windowMs: 60_000, marginMs: 0 })
  const heard = { nowMs: 100, sentMs: 0, kind: "bucket", log, isRefusal: false } as const
  expect(evidence.hear({ dimension: "requests", limit: 600, remaining: 1 }, heard)).toBeUndefined()
})
