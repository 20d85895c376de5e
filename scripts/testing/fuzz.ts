import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import fc from "fast-check"

/** Inputs of all fuzz tests together: 20,000, or what `SLUICE_FUZZ` says (`pnpm fuzz`: a million). */
const inputs = Number(process.env["SLUICE_FUZZ"] ?? 20_000)
/**
 * The short form meets the same inputs everywhere; the long one new ones each time. What a failure names is tried again alone, as often as
 * wanted: `SLUICE_FUZZ_AGAIN=seed:path pnpm fuzz --project lab -t schemas`.
 */
const again = process.env["SLUICE_FUZZ_AGAIN"]?.split(/:(.*)/)
const seed = again ? Number(again[0]) : process.env["SLUICE_FUZZ"] === undefined ? 1 : undefined

/** One input may take so much of the processor, in milliseconds. */
const mostCpuMs = 50
/** What all of them together may leave behind, in bytes. */
const mostHeap = 256 * 2 ** 20

/** How long a test of this share of the inputs may take. */
export const fuzzTimeoutMs: number = 60_000 + inputs * 2

/**
 * Tries a share (0–1) of the inputs on `check`: none may throw, none may take more than 50 ms of processor time, and their memory is
 * given back. Time is the processor's and the best of ten tries, each after the last one's garbage has been collected, so that a busy
 * machine and the collector say nothing.
 */
export async function checkInputs<T>(
  share: number,
  arbitrary: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
): Promise<void> {
  const cpuMsOf = async (input: T): Promise<number> => {
    const before = process.cpuUsage()
    await check(input)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  const before = heapAfterCollection()
  const result = await fc.check(
    fc.asyncProperty(arbitrary, async (input) => {
      let cpuMs = await cpuMsOf(input)
      for (let tries = 1; tries < 10 && cpuMs > mostCpuMs; tries++) {
        collect()
        cpuMs = Math.min(cpuMs, await cpuMsOf(input))
      }
      if (cpuMs > mostCpuMs) throw new Error(`took ${cpuMs.toFixed(0)} ms of processor time, ${mostCpuMs} are allowed`)
    }),
    {
      numRuns: Math.max(50, Math.round(inputs * share)),
      endOnFailure: true,
      ...(seed === undefined ? {} : { seed }),
      ...(again?.[1] ? { path: again[1] } : {}),
    },
  )
  if (result.failed) {
    const { counterexample, counterexamplePath, errorInstance } = result
    throw new Error(`SLUICE_FUZZ_AGAIN=${result.seed}:${counterexamplePath}, input ${shown(counterexample)}`, {
      cause: errorInstance,
    })
  }
  const grown = heapAfterCollection() - before
  if (grown > mostHeap) throw new Error(`the heap has grown by ${Math.round(grown / 2 ** 20)} MiB`)
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

function heapAfterCollection(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** Its beginning: some are megabytes, and some are nested deeper than can be written. */
function shown(input: unknown): string {
  try {
    return fc.stringify(input).slice(0, 2_000)
  } catch {
    return "nested too deep to be shown"
  }
}

/** As JSON, or what no reader can bear where it is nested too deep for that. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ""
  } catch {
    return "[".repeat(50_000)
  }
}

/** Texts that have broken readers: long ones without a blank, escapes, line ends, names of what every object has, numbers in words. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "\0",
      "\r",
      "\n",
      "\r\n",
      "\u2028",
      "\ud800",
      "\u001b[31m",
      "\u202e",
      "\ufeff",
      "[DONE]",
      "{",
      "}",
      '"',
      "\\",
      "%E0%A4",

      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "length",
      "null",
      "undefined",
      "NaN",
      "Infinity",
      "true",
      "0",
      "-1",
      "1e999",
      "1e-7",
      "9".repeat(400),
      "0x10",
      "1_000",
      "1,5",
      "٣",

      "1s",
      "6m0s",
      "120ms",
      "1h0m0s",
      "-1s",
      "34.4s",
      "2026-11-28T00:00:00Z",
      "Sat, 28 Nov 2026 20:00:00 GMT",
      "13:60",

      "try again in 634ms",
      "Please retry after 5 seconds.",
      "requests per min (RPM)",
      "input tokens per minute",
      "per day",
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          "a",
          " ",
          "\n",
          "1",
          "1h",
          "1.",
          "try again in 1",
          "{{",
          "}}",
          '"',
          ",",
          "\t",
          "[",
          "é",
          "😀",
          "sk-",
          "retry after ",
        ),
        fc.integer({ min: 1, max: 20_000 }),
      )
      .map(([piece, times]) => piece.repeat(times)),
  },
)

export const oddNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    -1,
    1,
    8,
    200,
    204,
    429,
    503,
    1e9,
    1e21,
    Number.MAX_SAFE_INTEGER,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    -1e308,
  ),
)

/** Values as JSON may bring them, with these names among the fields. Some are nested deep. */
export function oddJson(names: readonly string[]): fc.Arbitrary<unknown> {
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "length", "") },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  )
  const leaf = fc.oneof(oddText, oddNumber, fc.boolean(), fc.constant(null), name)
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      leaf,
      fc.array(tie("value"), { maxLength: 5 }),
      fc
        .array(fc.tuple(name, tie("value")), { maxLength: 7 })
        // As JSON.parse makes them: `__proto__` is a field like any other.
        .map((entries) => Object.fromEntries(entries) as unknown),
    ),
  }))
  const deep = fc.tuple(name, fc.integer({ min: 100, max: 5_000 }), value).map(([field, levels, inner]) => {
    let whole = inner
    for (let level = 0; level < levels; level++) whole = level % 2 === 0 ? { [field]: whole } : [whole]
    return whole
  })
  return fc.oneof({ weight: 60, arbitrary: value }, { weight: 1, arbitrary: deep })
}
