import {
  amount,
  anything,
  type Check,
  count,
  fields,
  needed,
  number,
  objectOr,
  oneOf,
  positive,
  type Shape,
  text,
} from "@sluice/core/internal"
import { vendorChecks } from "../vendor/vendor-checks.ts"
import type { Scenario, Size, ToldQuota, ToldRate } from "./scenario.ts"

/** A size of the text that a call reads or writes. */
export const size: Check = objectOr(
  fields<Extract<Size, object>>({ median: needed(amount), sigma: needed(amount), max: needed(amount) }),
  amount,
)

const rate = objectOr(
  fields<ToldRate>({
    limit: needed(positive),
    kind: oneOf("bucket", "sliding", "fixed"),
    burst: positive,
    windowMs: positive,
    resetAt: number,
  }),
  positive,
)

export const told: Check = fields<ToldQuota>({
  requestsPerMinute: rate,
  tokensPerMinute: rate,
  inputTokensPerMinute: rate,
  outputTokensPerMinute: rate,
  requestsPerDay: rate,
  concurrency: positive,
})

export const scenarioChecks: Shape<Scenario> = {
  name: needed(text),
  title: anything,
  calls: needed(
    fields<Scenario["calls"]>({
      count: needed(count(0)),
      inputTokens: needed(size),
      outputTokens: needed(size),
      maxTokens: positive,
    }),
  ),
  vendor: needed(fields(vendorChecks)),
  told: needed(told),
  neverEnds: oneOf(true),
}
