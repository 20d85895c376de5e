import { exactDigits } from "@sluice/journal"

/** Rows that can be read several times: they are as many as a run has inputs. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: () => Iterable<ReadonlyMap<string, unknown>>
}

/** One column for a value; of an object one for each field (`output.title`). */
export function columnsOf(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined) return {}
  if (typeof value !== "object" || value === null || Array.isArray(value) || exactDigits(value) !== undefined)
    return { [name]: value }
  return Object.fromEntries(Object.entries(value).map(([field, one]) => [`${name}.${field}`, one]))
}
