/** What stands before a page of a Parquet column. */
export interface PageHead {
  readonly kind: "data" | "dictionary" | "other"
  /** How long it is itself, and what follows it. */
  readonly headBytes: number
  readonly bodyBytes: number
  /** Unpacked. */
  readonly unpackedBytes: number
  readonly version: 1 | 2
  /** Of the first version its values, which are as many as the rows of a column that does not nest. */
  readonly rows: number
  /** Its values are numbers of the dictionary's. */
  readonly isIndexed: boolean
}

type HeadField = number | HeadFields
type HeadFields = ReadonlyMap<number, HeadField>

const kinds = ["data", "other", "dictionary", "data"] as const
/** Encodings, as the format numbers them: of old writers and of new ones. */
const indexed = [2, 8]

/** Reads what the page at the start of `bytes` says of itself; `undefined`: `bytes` end before that. @throws what is no page's head */
export function readPageHead(bytes: Uint8Array): PageHead | undefined {
  const reader = new CompactReader(bytes)
  let fields: HeadFields
  try {
    fields = reader.struct()
  } catch (error) {
    if (error === tooShort) return undefined
    throw error
  }
  const kind = kinds[numberIn(fields, 1)]
  const bodyBytes = numberIn(fields, 3)
  // Of a page, and of one of the second version, which counts its rows too.
  const [first, second] = [fields.get(5), fields.get(8)].map((field) => (typeof field === "object" ? field : undefined))
  const rows = second ? numberIn(second, 3) : first ? numberIn(first, 1) : 0
  const encoding = second ? numberIn(second, 4) : first ? numberIn(first, 2) : -1
  if (kind === undefined || bodyBytes < 0 || rows < 0) throw new Error(noPage)
  return {
    kind,
    headBytes: reader.at,
    bodyBytes,
    unpackedBytes: numberIn(fields, 2),
    version: second ? 2 : 1,
    rows,
    isIndexed: indexed.includes(encoding),
  }
}

function numberIn(fields: HeadFields, id: number): number {
  const field = fields.get(id)
  return typeof field === "number" ? field : -1
}

const noPage = "no page where one should begin"
const tooShort = new Error("the bytes end")
/** A page's head holds statistics, and nothing deeper. */
const deepest = 16

/** Thrift's compact protocol, as much as stands in a page's head: numbers and structs are told, the rest is passed over. */
class CompactReader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  struct(depth = 0): HeadFields {
    const fields = new Map<number, HeadField>()
    for (let id = 0; ;) {
      const head = this.#byte()
      if (head === 0) return fields
      const delta = head >> 4
      id = delta === 0 ? this.#whole() : id + delta
      const type = head & 15
      // A truth is in its type.
      const field = type === 1 || type === 2 ? undefined : this.#value(type, depth)
      if (field !== undefined) fields.set(id, field)
    }
  }

  #value(type: number, depth: number): HeadField | undefined {
    if (depth > deepest) throw new Error(noPage)
    switch (type) {
      case 1:
      case 2:
      case 3:
        this.#skip(1)
        return undefined
      case 4:
      case 5:
      case 6:
        return this.#whole()
      case 7:
        this.#skip(8)
        return undefined
      case 8:
        this.#skip(this.#size())
        return undefined
      case 9:
      case 10: {
        const head = this.#byte()
        const length = head >> 4 === 15 ? this.#size() : head >> 4
        for (let index = 0; index < length; index++) this.#value(head & 15, depth + 1)
        return undefined
      }
      case 12:
        return this.struct(depth + 1)
      default:
        throw new Error(noPage)
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw tooShort
    return byte
  }

  #skip(count: number): void {
    this.at += count
    if (this.at > this.#bytes.length) throw tooShort
  }

  /** Seven bits a byte, the lowest first. */
  #size(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 64; factor *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new Error(noPage)
  }

  /** The sign is in the lowest bit. */
  #whole(): number {
    const value = this.#size()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
