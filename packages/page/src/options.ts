import type { Clock, EventSink, NodeJSON } from "@sluice/core"
import {
  be,
  callable,
  checkOptions,
  clock,
  fields,
  flag,
  having,
  listOf,
  type Shape,
  text,
} from "@sluice/core/internal"
import type { SqliteJournal } from "@sluice/journal"
import type { ControlEvent, PageControls } from "./controls.ts"
import type { SharedQuota } from "./shared-quota.ts"

/** Options of `openPage`. */
export interface PageOptions {
  /** What runs, in a few words. Default: the run's name in its journal, or the flow's. */
  readonly title?: string
  /** On 127.0.0.1. Default: one that is free. */
  readonly port?: number
  /** The secret in the address, at least 16 letters and digits. Default: drawn anew for each page. */
  readonly token?: string
  /** How many items there will be; a function where that is known later. */
  readonly total?: number | (() => number | undefined)
  /** The flow whose graph is shown. */
  readonly flow?: { readonly toJSON: () => NodeJSON }
  /**
   * Where prompts and answers are kept: an open journal whose run writes in this process, or the path of one that is read only, whoever writes
   * it meanwhile. An open one may be given before its run begins; in the file of a path there is a run already. What an item returned is its
   * answer; of `{ input, output }` the one is shown as asked, the other as answered.
   */
  readonly journal?: SqliteJournal | string
  /** Which run of the journal. Default: its only one, or the latest. */
  readonly runId?: string
  /** What the page's buttons do; what is absent has none. */
  readonly controls?: PageControls
  /** Told of each change that somebody made on the page, after it was made. */
  readonly onControl?: (event: ControlEvent) => void
  /** The prompt that is made of an item's input, for a journal that keeps inputs. */
  readonly prompt?: (input: unknown) => string
  /** Whether answers had to fit a schema. */
  readonly hasSchema?: boolean
  /** Texts that are never shown, such as API keys. What has the shape of a vendor's key is hidden in any case. */
  readonly secrets?: readonly string[]
  /** Where limits are shared with other processes: what is kept of them (`read` of `sharedQuotas`). Asked once a second while somebody looks. */
  readonly shared?: () => Promise<readonly SharedQuota[]>
  /** Another listener, which is told everything too. */
  readonly onEvent?: EventSink
  readonly clock?: Clock
}

const controls: Shape<PageControls> = {
  pause: callable,
  resume: callable,
  drain: callable,
  stop: callable,
  update: callable,
  retryFailed: callable,
}

const checks: Shape<PageOptions> = {
  title: text,
  port: be(
    "a port, from 0 to 65535",
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536,
  ),
  token: be("at least 16 letters and digits", (value) => typeof value === "string" && /^[\w-]{16,}$/.test(value)),
  total: be("a number of items, from 0, or a function that returns it", (value) => {
    return typeof value === "function" || (typeof value === "number" && value >= 0 && value < Infinity)
  }),
  flow: having("a flow", "toJSON"),
  journal: be("an open journal or the path of one", (value) => {
    return typeof value === "string" ? value !== "" : typeof (value as { look?: unknown } | null)?.look === "function"
  }),
  runId: text,
  controls: fields(controls),
  onControl: callable,
  prompt: callable,
  hasSchema: flag,
  secrets: listOf(text),
  shared: callable,
  onEvent: callable,
  clock,
}

export function checkPageOptions(options: PageOptions): void {
  checkOptions("openPage", options, checks)
}
