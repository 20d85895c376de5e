import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { readParquet } from "../../src/input/tables/read-parquet.ts"
import { fastClock } from "../command/fast-clock.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 60_000 })

const dataSet = (name: string): string => join(import.meta.dirname, "../fixtures/data-sets", name)

/** One command, from the file to a result, with the simulated vendor inside it: as somebody without a key would try it. */
async function task(file: string, out: string, ...args: string[]): Promise<string> {
  const path = join(temporaryFolder(), out)
  const { code, stderr } = await sluice(["run", dataSet(file), "-m", "lab:", "-o", path, "-q", ...args], {
    clock: fastClock(50),
  })
  expect([stderr, code]).toEqual(["", 0])
  return path
}

const tableOf = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n")

test("bird strikes of the FAA: columns with spaces and signs in the prompt, a table out", async () => {
  const prompt = "How bad was {{Wildlife Species}} for the {{Aircraft Make Model}}? It cost {{Cost Total $}} dollars."
  const fields = ["--fields", "Airport Name,Cost Total $,output"]
  const rows = tableOf(await task("faa-bird-strikes.csv", "strikes.csv", "-p", prompt, ...fields))
  expect(rows).toHaveLength(21)
  expect(rows[0]).toBe("Airport Name,Cost Total $,output")
  expect(rows[1]).toMatch(/^BARKSDALE AIR FORCE BASE ARPT,0,.*Turkey vulture/)
})

test("Seattle's weather of NOAA: only the days with snow, numbers as they were written, checked as they come", async () => {
  const prompt = "What was {{date}} like, at {{temp_max}} degrees with {{precipitation}} mm?"
  const choice = ["--where", "weather = snow", "--key", "date", "--assert", "contains {{date}}"]
  const lines = linesOf(
    await task("noaa-seattle-weather.csv", "days.jsonl", "-p", prompt, ...choice, "--fields", "key,input,failedChecks"),
  )
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatchObject({ key: "2012-01-14", input: { temp_max: "4.4", weather: "snow" }, failedChecks: [] })
})

test("ZIP codes of the Census Bureau: zeros in front stay in keys and in Parquet", async () => {
  const prompt = "What is {{city}}, {{county}} County, known for?"
  const out = await task("census-zip-codes.csv", "places.parquet", "-p", prompt, "--key", "zip_code")
  const rows: unknown[] = []
  for await (const { record } of readParquet(out)) rows.push(record)
  expect(rows).toHaveLength(10)
  expect(rows[0]).toMatchObject({ "input.zip_code": "00501", "input.city": "Holtsville", output: expect.any(String) })
})

test("earthquakes of the USGS: each feature of the collection is an input, and moments keep their digits", async () => {
  const prompt = "Where is {{properties.place}}? A quake of {{properties.mag}} was there."
  const fields = ["--fields", "id,properties.time,output"]
  const lines = linesOf(await task("usgs-earthquakes.geojson", "quakes.jsonl", "-p", prompt, "--key", "id", ...fields))
  expect(lines).toHaveLength(10)
  expect(lines[0]).toMatchObject({ id: "ci37868143", "properties.time": 1_517_966_773_840 })
})

test("the budget of the OMB: one question by two prompts, compared in columns", async () => {
  const folder = temporaryFolder()
  const [short, long] = [join(folder, "short.txt"), join(folder, "long.txt")]
  writeFileSync(short, "What is {{Account name}}?")
  writeFileSync(long, "In 1962 {{Agency name}} had {{1962}} for {{Account name}}. What was it?")
  const prompts = ["--prompt-file", short, long, "--fields", "Agency name,output"]
  const rows = tableOf(await task("omb-budget.json", "budget.csv", ...prompts))
  expect(rows).toHaveLength(5)
  expect(rows[0]).toBe("Agency name,output.short.txt,output.long.txt")
})

test("where the inputs lie in a list inside of one object, the message says what to do", async () => {
  const file = join(temporaryFolder(), "in.json")
  writeFileSync(file, JSON.stringify({ version: "1", data: [{ question: "Why?" }, { question: "How?" }] }))
  const { code, stderr } = await sluice(["run", file, "-p", "{{question}}", "-m", "noop:"])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining(
      "for an input of each of its data, make a file of the list alone (jq .data FILE > list.json).",
    ),
  ])
})
