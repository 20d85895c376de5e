import { VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { coalesceEmbeddings } from "../../src/index.ts"

const vector = (text: string): number[] => [text.length, 0.5]

function grouped(
  answer: (inputs: string[], n: number) => object,
  maxItems = 3,
): { sent: string[][]; all: (texts: string[]) => Promise<PromiseSettledResult<number[]>[]> } {
  const clock = new VirtualClock()
  const sent: string[][] = []
  const embed = coalesceEmbeddings(
    async (inputs) => {
      sent.push(inputs)
      return answer(inputs, sent.length - 1)
    },
    { clock, maxItems },
  )
  return { sent, all: (texts) => clock.run(Promise.allSettled(texts.map((text) => embed(text)))) }
}
const values = (all: PromiseSettledResult<number[]>[]): unknown[] =>
  all.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as unknown)))

describe("embeddings of single texts, in groups", () => {
  it.each([
    // Not in the order of the inputs: OpenAI's answers carry an index.
    [
      "OpenAI",
      (inputs: string[]) => ({ data: inputs.map((text, index) => ({ index, embedding: vector(text) })).toReversed() }),
    ],
    ["the AI SDK", (inputs: string[]) => ({ embeddings: inputs.map(vector) })],
    ["Gemini", (inputs: string[]) => ({ embeddings: inputs.map((text) => ({ values: vector(text) })) })],
  ])("%s: one request, each text gets its own vector", async (_name, answer) => {
    const { sent, all } = grouped(answer)
    expect(values(await all(["a", "bb", "ccc", "dddd"]))).toEqual(["a", "bb", "ccc", "dddd"].map(vector))
    expect(sent).toEqual([["a", "bb", "ccc"], ["dddd"]])
  })

  it("asks again, alone, only for an index that is missing", async () => {
    const { sent, all } = grouped((inputs) => ({
      data: inputs
        .map((text, index) => ({ index, embedding: vector(text) }))
        .filter(({ index }) => inputs.length === 1 || index !== 1),
    }))
    expect(values(await all(["a", "bb", "ccc"]))).toEqual(["a", "bb", "ccc"].map(vector))
    expect(sent).toEqual([["a", "bb", "ccc"], ["bb"]])
  })

  it("trusts no position when one is missing and there is no index", async () => {
    const { sent, all } = grouped((inputs) => ({
      embeddings: (inputs.length > 1 ? inputs.slice(1) : inputs).map(vector),
    }))
    expect(values(await all(["a", "bb", "ccc"]))).toEqual(["a", "bb", "ccc"].map(vector))
    expect(sent).toEqual([["a", "bb", "ccc"], ["a"], ["bb"], ["ccc"]])
  })

  it("one text that the vendor refuses fails alone", async () => {
    const { sent, all } = grouped((inputs) => {
      if (inputs.includes("")) throw Object.assign(new Error("input cannot be empty"), { status: 400 })
      return { embeddings: inputs.map(vector) }
    }, 8)
    const outcomes = await all(["a", "b", "c", "d", "", "f", "g", "h"])
    expect(outcomes.map((one) => one.status)).toEqual(
      ["a", "b", "c", "d", "", "f", "g", "h"].map((text) => (text ? "fulfilled" : "rejected")),
    )
    expect(sent.map((group) => group.length)).toEqual([8, 4, 4, 2, 2, 1, 1])
  })
})
