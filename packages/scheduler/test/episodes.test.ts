import { describe, expect, it } from "vitest"
import { Episodes } from "../src/episodes.ts"

describe("episodes", () => {
  it("measure what was admitted and not refused, from one burst of refusals to the next", () => {
    const episodes = new Episodes(1_000)
    episodes.count({ inputTokens: 100, outputTokens: 20 }, 1)
    episodes.count({ requests: 3 }, 1)
    episodes.count({ inputTokens: 50 }, 1)
    episodes.count({ inputTokens: 50 }, -1)
    expect(episodes.begin(5_000)).toEqual({
      requests: 4,
      inputTokens: 100,
      outputTokens: 20,
      tokens: 120,
      elapsedMs: 4_000,
      first: true,
    })
    episodes.count({ outputTokens: 7 }, 1)
    expect(episodes.begin(6_500)).toEqual({
      requests: 1,
      inputTokens: 0,
      outputTokens: 7,
      tokens: 7,
      elapsedMs: 1_500,
      first: false,
    })
    expect(episodes.begin(6_500)).toMatchObject({ requests: 0, tokens: 0, elapsedMs: 0, first: false })
  })
})
