import type { ItemSort } from "../../src/wire.ts"
import type { ItemQuestion } from "./item-rows.ts"

interface QuickList extends Omit<ItemQuestion, "text"> {
  readonly name: string
  readonly title: string
}

export const quickLists: readonly QuickList[] = [
  { name: "all", title: "All", filter: "all", sort: "index", descending: false },
  { name: "failed", title: "Failed", filter: "failed", sort: "settled", descending: true },
  { name: "retried", title: "Retried", filter: "retried", sort: "attempts", descending: true },
  { name: "cut", title: "Cut", filter: "cut", sort: "index", descending: false },
  { name: "slowest", title: "Slowest", filter: "all", sort: "latency", descending: true },
  { name: "flight", title: "In flight", filter: "in flight", sort: "index", descending: false },
]

/** A list of items as its address says it, so that Back, a reload and a bookmark lead to the same one. */
export interface ListAddress {
  readonly quick: QuickList
  readonly question: ItemQuestion
}

/** Reads `#/items/failed?sort=-latency&text=copper`; a minus sorts downwards. */
export function listAt(hash: string): ListAddress {
  const [, name, query] = /^#\/items\/?([^?]*)\??(.*)$/.exec(hash) ?? []
  const quick = quickLists.find((each) => each.name === name) ?? quickLists[0]!
  const asked = new URLSearchParams(query)
  const [, minus, sort] = /^(-?)(.+)$/.exec(asked.get("sort") ?? "") ?? []
  const order = sort === undefined ? quick : { sort: sort as ItemSort, descending: minus === "-" }
  const { filter } = quick
  return { quick, question: { filter, sort: order.sort, descending: order.descending, text: asked.get("text") ?? "" } }
}

export function addressOf({ quick, question: { sort, descending, text } }: ListAddress): string {
  const query = new URLSearchParams()
  if (sort !== quick.sort || descending !== quick.descending) query.set("sort", `${descending ? "-" : ""}${sort}`)
  if (text !== "") query.set("text", text)
  return `#/items/${quick.name}${query.size > 0 ? `?${query.toString()}` : ""}`
}

/** Where somebody was in a list. The browser keeps it with the address in its history, through Back and a reload. */
export interface ListPlace {
  /** Of the rows shown: the one that keys move. */
  readonly focused: number
  /** The item that stood there: in a run that goes on others come before it. */
  readonly row?: number
  readonly top: number
  /** What had the keyboard. */
  readonly on?: "rows" | "head"
}

export function placeNow(): ListPlace {
  return (history.state as ListPlace | null) ?? { focused: 0, top: 0 }
}

export function keepPlace(place: ListPlace): void {
  history.replaceState(place, "")
}

/** The same list in another order or searched for something else: Back does not lead through all of these. */
export function replaceList(list: ListAddress, on?: ListPlace["on"]): void {
  history.replaceState({ focused: 0, top: 0, ...(on && { on }) } satisfies ListPlace, "", addressOf(list))
  dispatchEvent(new HashChangeEvent("hashchange"))
}
