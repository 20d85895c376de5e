import { z } from "zod"
import { checkOptions, strict } from "../check-options.ts"
import type { VendorDimension, VendorOptions } from "./options.ts"
import type { FaultKind } from "./faults.ts"

const positive = z.number().positive()
const nonNegative = z.number().min(0)
const untilMs = z.union([nonNegative, z.literal(Infinity)])
const share = z.number().min(0).max(1)

export const faultKinds: readonly FaultKind[] = [
  "error503",
  "error529",
  "outage",
  "billing",
  "keyRefused",
  "error500",
  "reset",
  "hang",
  "truncate",
  "malformed",
  "streamError",
  "offSchema",
]

const rate = z
  .union([
    positive,
    strict({
      limit: positive,
      windowMs: positive.optional(),
      model: z.enum(["bucket", "slices", "sliding", "fixed"]).optional(),
      burst: positive.optional(),
      sliceMs: positive.optional(),
      anchorMs: z.number().optional(),
    }),
  ])
  .optional()

const perDay = positive.optional()
const changed = positive.optional()

/** The fields of `VendorOptions`, each strict about what is in it. */
export const vendorShape: Readonly<Record<keyof VendorOptions, z.ZodType>> = {
  limits: strict({
    requests: rate,
    tokens: rate,
    inputTokens: rate,
    outputTokens: rate,
    requestsPerDay: perDay,
    tokensPerDay: perDay,
    concurrency: z
      .union([
        positive,
        strict({ limit: positive, status: z.union([z.literal(429), z.literal(503), z.literal(529)]).optional() }),
      ])
      .optional(),
  } satisfies Record<VendorDimension | "concurrency", z.ZodType>).optional(),
  chargeRefused: z.boolean().optional(),
  chargeMaxTokens: z.union([z.boolean(), z.literal("larger")]).optional(),
  ramp: strict({ growthPerMinute: positive, freePerMinute: nonNegative }).optional(),
  schedule: z
    .array(
      strict({
        atMs: nonNegative,
        limits: strict({
          requests: changed,
          tokens: changed,
          inputTokens: changed,
          outputTokens: changed,
          requestsPerDay: changed,
          tokensPerDay: changed,
          concurrency: changed,
        } satisfies Record<VendorDimension | "concurrency", z.ZodType>),
      }),
    )
    .optional(),
  coTenants: z
    .array(
      strict({
        requestsPerMinute: positive,
        tokensPerCall: nonNegative.optional(),
        outputTokensPerCall: nonNegative.optional(),
        burst: z.number().int().positive().optional(),
        fromMs: nonNegative.optional(),
        toMs: untilMs.optional(),
      }),
    )
    .optional(),
  faults: strict({
    rates: strict(
      Object.fromEntries(faultKinds.map((kind) => [kind, share.optional()])) as Record<
        FaultKind,
        z.ZodOptional<typeof share>
      >,
    ).optional(),
    schedule: z
      .array(
        strict({
          kind: z.enum(faultKinds),
          fromMs: nonNegative,
          toMs: untilMs.optional(),
          rate: share.optional(),
          key: z.string().optional(),
        }),
      )
      .optional(),
  }).optional(),
  latency: strict({
    baseMs: nonNegative.optional(),
    perOutputTokenMs: nonNegative.optional(),
    heavyTail: nonNegative.optional(),
    knee: strict({ at: positive, exponent: nonNegative.optional() }).optional(),
  }).optional(),
  headers: z.enum(["openai", "anthropic", "rounded", "wrong", "none"]).optional(),
  retryAfter: z.enum(["exact", "seconds", "none"]).optional(),
  seed: z.number().optional(),
}

const schema = z.object(vendorShape)

/** Throws a TypeError that names path, wanted and got. Fields that belong to whoever carries the vendor are not looked at. */
export function checkVendorOptions(options: VendorOptions): void {
  checkOptions(schema, "vendor", options)
}
