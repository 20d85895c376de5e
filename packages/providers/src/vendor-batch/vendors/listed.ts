import { SluiceError } from "@sluice/core"

/** More batches than an account makes in the minutes that are looked through. */
const mostListed = 20_000
const mostRepeated = 100
/** Pages of 100. Some may be empty. */
const mostPages = mostListed / 100

/** A page of a list: what it holds, and what the next one is asked for with; without it there is none. */
export interface ListedPage {
  readonly entries: unknown
  readonly next: string | undefined
}

/** What a vendor lists in pages. @throws SluiceError `vendor-error` where its pages are none, come again or never end. */
export async function* pages<T>(
  vendor: string,
  load: (cursor: string | undefined) => Promise<ListedPage>,
): AsyncGenerator<T, void, undefined> {
  const asked = new Set<string>()
  for (let cursor: string | undefined; ;) {
    const { entries, next } = await load(cursor)
    if (!Array.isArray(entries)) throw broken(vendor, "holds a page that is no list")
    yield* entries as T[]
    if (!next) return
    if (asked.has(next)) throw broken(vendor, `leads back to ${JSON.stringify(next.slice(0, 100))}`)
    asked.add(next)
    if (asked.size >= mostPages) throw broken(vendor, `has more than ${mostPages} pages`)
    cursor = next
  }
}

/** The same for what an SDK lists, whose own pages are not seen. A vendor may show an entry twice while others come. */
export async function* endingList<T>(
  vendor: string,
  list: AsyncIterable<T>,
  idOf: (entry: T) => string | undefined,
): AsyncGenerator<T, void, undefined> {
  const seen = new Set<string | undefined>()
  let count = 0
  for await (const entry of list) {
    yield entry
    seen.add(idOf(entry))
    if (++count - seen.size > mostRepeated) throw broken(vendor, "shows the same batches again and again")
    if (count >= mostListed) throw broken(vendor, `holds more than ${mostListed} of the last minutes`)
  }
}

/** Looking again would be in vain: as what a vendor refuses, it is not tried again. */
function broken(vendor: string, what: string): SluiceError {
  const message = `${vendor} batches: the vendor's list of them ${what}, so a batch of an earlier process cannot be looked for. Run again later with the same journal.`
  return new SluiceError("vendor-error", message, { details: { vendor, status: 400 } })
}
