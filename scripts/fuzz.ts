import fc from "fast-check"

/** Inputs of all fuzz tests together: 20,000, or what `SLUICE_FUZZ` says (`pnpm fuzz`: a million). */
const inputs = Number(process.env["SLUICE_FUZZ"] ?? 20_000)
/** The short form meets the same inputs everywhere; the long one new ones each time, and a failure names its seed. */
const seed = process.env["SLUICE_FUZZ"] === undefined ? 1 : undefined

/** One input may take so much of the processor, in milliseconds. */
const mostCpuMs = 50
/** What all of them together may leave behind, in bytes. */
const mostHeap = 256 * 2 ** 20

/** How long a test of this share of the inputs may take. */
export const fuzzTimeoutMs: number = 60_000 + inputs * 2

/**
 * Tries a share (0–1) of the inputs on `check`: none may throw, none may take more than 50 ms of processor time, and their memory is
 * given back. Time is the processor's and the best of five tries, so that a busy machine and the collector say nothing.
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
  const before = process.memoryUsage().heapUsed
  await fc.assert(
    fc.asyncProperty(arbitrary, async (input) => {
      let cpuMs = Infinity
      for (let tries = 0; tries < 5 && cpuMs > mostCpuMs; tries++) cpuMs = Math.min(cpuMs, await cpuMsOf(input))
      if (cpuMs > mostCpuMs) throw new Error(`took ${cpuMs.toFixed(0)} ms of processor time, ${mostCpuMs} are allowed`)
    }),
    { numRuns: Math.max(50, Math.round(inputs * share)), endOnFailure: true, ...(seed === undefined ? {} : { seed }) },
  )
  const grown = process.memoryUsage().heapUsed - before
  if (grown > mostHeap) throw new Error(`the heap has grown by ${Math.round(grown / 2 ** 20)} MiB`)
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
