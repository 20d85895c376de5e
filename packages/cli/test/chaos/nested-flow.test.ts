import { join } from "node:path"
import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, test } from "vitest"
import { startTelling, temporaryFolder } from "../command/sluice.ts"
import { countingVendor, killAndResume, repeatedWithoutCause } from "./kill-and-resume.ts"

// SLUICE_CHAOS=50 for a long run of 5,040 paragraphs.
const kills = Number(process.env["SLUICE_CHAOS"] ?? 6)
const paragraphs = kills > 6 ? 420 : 20
const items = 3 * 4 * paragraphs
const program = join(import.meta.dirname, "nested-flow.ts")

test(
  `batch flows in batch flows, killed at ${kills} random moments of ${items} calls: each has one result, and no more is repeated than was in flight`,
  async () => {
    const { vendor, calls } = await countingVendor({ latency: { baseMs: 30, perOutputTokenMs: 0 } })
    onTestFinished(() => vendor.stop())
    const folder = temporaryFolder()
    const path = join(folder, "journal")
    const kept = async (): Promise<string[]> => {
      // Not read-only: it may have been killed while it made the file.
      await using journal = openJournal({ path })
      if (journal.runs().length === 0) return []
      return [...journal.items("library")].flatMap((item) =>
        item.node.endsWith("/summarise") && item.status === "ok" ? [String(item.value)] : [],
      )
    }
    const { kills: killed, last } = await killAndResume({
      start: (stderr) => startTelling([vendor.url, path, String(paragraphs)], folder, stderr, program),
      vendor,
      items,
      node: "library/books/book/chapters/chapter/summarise",
      kills,
      random: { next: Math.random },
      async afterKill() {
        const values = await kept()
        expect(new Set(values).size).toBe(values.length)
      },
    })
    const chapters = ["a", "b", "c"].flatMap((book) => [0, 1, 2, 3].map((chapter) => `${book}${chapter}`))
    const prompts = (chapter: string): string[] => Array.from({ length: paragraphs }, (_, at) => `${chapter}-${at}`)
    expect([last.code, JSON.parse(last.stdout)]).toEqual([
      0,
      Object.fromEntries(chapters.map((chapter) => [chapter, prompts(chapter)])),
    ])
    expect((await kept()).toSorted()).toEqual(chapters.flatMap(prompts).toSorted())
    expect([...calls.keys()].toSorted()).toEqual(chapters.flatMap(prompts).toSorted())
    expect(killed.some(({ hit, unsettled }) => hit && unsettled.length > 0)).toBe(true)
    expect(repeatedWithoutCause(calls, killed, (key) => key)).toEqual([])
    for (const { unsettled } of killed) expect(unsettled.length).toBeLessThanOrEqual(3 * 2 * 4)
  },
  60_000 + kills * 20_000,
)
