import { SluiceError } from "@sluice/core"
import { LineReader } from "../../http/line-reader.ts"

// Characters. An answer of a model, with all that a vendor may put around it.
const longestRow = 64_000_000
/** A batch has 100,000 requests at most; what is sent after ten times as many rows, or within one row, has no end. */
const ends = { rows: 1_000_000, bytesOfRow: 256_000_000 }

/**
 * The JSON of each line of a result file, while it comes: of a file of any size one row is held. What is no JSON is left out, and
 * so is a row of more than 64,000,000 characters: its request counts as missing.
 *
 * @throws SluiceError `answer-too-large` for a file that does not end.
 */
export async function* jsonRows(chunks: AsyncIterable<Uint8Array>, most: typeof ends = ends): AsyncGenerator<unknown> {
  for await (const line of endingRows(linesOf(chunks, most.bytesOfRow), most.rows)) yield* parsed(line)
}

/** The rows of a file of results. @throws SluiceError `answer-too-large` where they do not end. */
export async function* endingRows<T>(rows: AsyncIterable<T>, mostRows: number = ends.rows): AsyncGenerator<T> {
  let count = 0
  for await (const row of rows) {
    yield row
    if (++count >= mostRows) throw endless(`more than ${mostRows} rows`)
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, mostBytes: number): AsyncGenerator<string> {
  const reader = new LineReader(longestRow)
  let bytes = 0
  for await (const chunk of chunks) {
    const lines = reader.push(chunk)
    bytes = lines.length > 0 ? 0 : bytes + chunk.length
    if (bytes > mostBytes) throw endless(`${mostBytes} bytes without a row`)
    yield* lines
  }
  yield* reader.end()
}

/** As a refusal, which is not tried again. */
function endless(what: string): SluiceError {
  return new SluiceError("answer-too-large", `A batch's results have no end: ${what}. The vendor should be told.`, {
    details: { status: 413 },
  })
}

function parsed(line: string): unknown[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}
