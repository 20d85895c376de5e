import { describe, expect, it } from "vitest"
import { Episodes } from "../../src/quota/episodes.ts"

describe("episodes", () => {
  it("measure what was admitted and not refused, from one burst of refusals to the next", () => {
    const episodes = new Episodes(1_000)
    episodes.started({ inputTokens: 100, outputTokens: 20 })
    episodes.started({ requests: 3 })
    episodes.started({ inputTokens: 50 })
    episodes.refused({ inputTokens: 50 }, 2_000)
    expect(episodes.begin(5_000)).toEqual({
      requests: 4,
      inputTokens: 100,
      outputTokens: 20,
      tokens: 120,
      elapsedMs: 4_000,
      first: true,
    })
    episodes.refused({ inputTokens: 1_000 }, 4_900)
    episodes.started({ outputTokens: 7 })
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
