import type { Clock } from "@sluice/core"
import type { ItemFacts, RunView } from "@sluice/journal"
import type { ItemColumns } from "./item-columns.ts"
import { beginning, errorLength, type ItemTexts, type Redact, type TextSource } from "./text-source.ts"
import type { RowIndex } from "./row-index.ts"
import type { TextSearch } from "./text-search.ts"

/** Records that are looked at in one turn: some 10 ms. */
const perTurn = 2_000
/** Of the failed items so many are looked at again each time, in turn. */
const failedLookedAt = 1_000
const previewLength = 160
/** How a letter of a key may be written where it is longest: `\u00e9` in JSON, `%C3%A9` in an address. */
const longestLetter = 6
/** The longest part of a key of no secret that is listed, which by its shape alone is not one yet. */
const longestShape = 64

export interface JournalSourceOptions {
  readonly view: RunView
  readonly columns: ItemColumns
  readonly index: RowIndex
  readonly clock: Clock
  /** The page's first moment, on the wall. */
  readonly startWallMs: number
  /** The prompt that was made of an input. */
  readonly prompt?: ((input: unknown) => string) | undefined
  readonly hasSchema?: boolean | undefined
  /** Nobody else tells of the run: what is read stands, also where an item is there already. */
  readonly isAlone: boolean
  readonly redact: Redact
  /** Of the secrets that `redact` looks for. */
  readonly longestSecret: number
}

/** What the journal of a run has of its items. */
export class JournalSource implements TextSource {
  readonly #options: JournalSourceOptions
  #after = 0
  /** Records of failed items, the one that was looked at last at the end. */
  readonly #failed = new Set<number>()
  #cancel: (() => void) | undefined
  #closed = false
  isLoading = false

  constructor(options: JournalSourceOptions) {
    this.#options = options
  }

  /** Reads what it has not read yet, a page in each turn, and some failed items again. Resolves when that is done. */
  load(): Promise<void> {
    if (this.isLoading || this.#closed) return Promise.resolve()
    this.isLoading = true
    return new Promise((resolve) => {
      const turn = (): void => {
        let page: ItemFacts[] = []
        try {
          if (!this.#closed) page = this.#options.view.facts(this.#after, perTurn)
          for (const facts of page) this.#put(facts)
          if (page.length < perTurn && !this.#closed) this.#lookAgain()
        } catch {
          // Damaged: what was read is shown.
        }
        this.#after = page.at(-1)?.item ?? this.#after
        if (page.length === perTurn) this.#cancel = this.#options.clock.setTimer(1, turn)
        else {
          this.isLoading = false
          resolve()
        }
      }
      turn()
    })
  }

  /** All is read anew at the next `load`: items may have another place, or another answer. */
  forget(): void {
    const { columns, index } = this.#options
    this.#after = 0
    this.#failed.clear()
    columns.clear()
    index.clear()
  }

  #lookAgain(): void {
    if (!this.#options.isAlone || this.#failed.size === 0) return
    const some: number[] = []
    for (const item of this.#failed) if (some.push(item) === failedLookedAt) break
    for (const item of some) {
      this.#failed.delete(item)
      this.#failed.add(item)
    }
    for (const facts of this.#options.view.mended(some)) this.#put(facts)
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #put(facts: ItemFacts): void {
    const { columns, index: rows, startWallMs, isAlone } = this.#options
    const { item, node, index, status, finishReason, settledAtMs } = facts
    if (status === "failed") this.#failed.add(item)
    else this.#failed.delete(item)
    let row = rows.get(node, Math.max(0, index))
    if (row === undefined) rows.set(node, Math.max(0, index), (row = columns.add(node, index)))
    // Told already by the run itself, which knows more.
    else if (!isAlone && !columns.isReplayed(row) && columns.status(row) !== "in flight") return
    columns.write(row, {
      attempts: Math.max(facts.attempts, facts.requests ?? 0),
      waitMs: facts.waitedMs ?? 0,
      latencyMs: facts.latencyMs ?? Number.NaN,
      inputTokens: facts.inputTokens ?? Number.NaN,
      outputTokens: facts.outputTokens ?? Number.NaN,
      usd: facts.usd ?? Number.NaN,
      settledMs: settledAtMs - startWallMs,
    })
    // Of one that a flow collected, which says no more than that it failed: its message says why.
    columns.setFinish(row, finishReason === null || finishReason === "item-failed" ? undefined : finishReason)
    columns.setStatus(row, status)
  }

  preview(node: string, index: number): ReturnType<TextSource["preview"]> {
    const { view, prompt, redact, longestSecret } = this.#options
    // A key across the end of what is read is not found, but lies in this last part of it, which is not shown.
    const unsure = Math.max(longestShape, longestSecret * longestLetter)
    const mostRead = previewLength + unsure
    const cut = (text: string): string => {
      if (text.length <= previewLength) return text
      const clean = redact(text)
      return (text.length < mostRead ? clean : clean.slice(0, -unsure)).slice(0, previewLength)
    }
    const item = view.at(node, index)
    const found = item === undefined ? undefined : view.preview(item, mostRead)
    if (!found) return undefined
    const { key, input, whole, output } = found
    return {
      ...(key !== null && { key: beginning(key, previewLength, redact) }),
      ...(input !== null && {
        input:
          whole === null ? plainPreview(cut(input)) : cut(askedOf(JSON.parse(whole), key, prompt).slice(0, mostRead)),
      }),
      ...(output !== null && { output: cut(output) }),
    }
  }

  texts(node: string, index: number): ItemTexts | undefined {
    const { view, prompt, hasSchema, redact } = this.#options
    const number = view.at(node, index)
    if (number === undefined) return undefined
    const item = view.read(number)
    const settledWallMs = item.settledAtMs
    if (item.status === "failed") {
      const { message, kept, code, errors = [] } = item.error
      const { input, output } = (kept ?? {}) as { input?: unknown; output?: unknown }
      const isMisfit = typeof code === "string" && code.startsWith("answer-")
      return {
        ...(input !== undefined && { asked: asked(input, prompt) }),
        ...(output !== undefined && { answered: textOf(output) }),
        ...(hasSchema && isMisfit && { schema: { fits: false, says: beginning(message, errorLength, redact) } }),
        error: beginning([message, ...errors.map((each) => each.message)].join("\n"), errorLength, redact),
        settledWallMs,
      }
    }
    const value = item.value as Readonly<Record<string, unknown>> | string | null
    const isAnswer = typeof value === "object" && value !== null && "output" in value
    if (!isAnswer) return { answered: textOf(value), settledWallMs }
    const { input, output, model, requestId } = value
    return {
      ...(input !== undefined && { asked: asked(input, prompt) }),
      answered: textOf(output),
      ...(typeof model === "string" && { model }),
      ...(typeof requestId === "string" && { requestId }),
      ...(hasSchema && { schema: { fits: true } }),
      settledWallMs,
    }
  }

  search(text: string, rowOf: (node: string, index: number) => number | undefined): TextSearch {
    const { view, clock, columns } = this.#options
    const found = new Set<number>()
    let [after, looked, running] = [0, 0, false]
    let cancel: (() => void) | undefined
    const turn = (): void => {
      running = false
      if (this.#closed) return
      let page
      try {
        page = view.found(text, after, perTurn)
      } catch {
        looked = columns.count
        return
      }
      for (const { node, index } of page.items) {
        const row = rowOf(node, Math.max(0, index))
        if (row !== undefined) found.add(row)
      }
      if (page.last === Infinity) return void (looked = columns.count)
      after = page.last
      looked += perTurn
      later()
    }
    const later = (): void => {
      running = true
      cancel = clock.setTimer(1, turn)
    }
    return {
      found,
      share: (count) => (count === 0 ? 1 : Math.min(1, looked / count)),
      goOn: () => {
        if (!running) turn()
      },
      stop: () => cancel?.(),
    }
  }
}

/** In a line: what of the input is asked, where that is known; not what the item is called, which stands beside it. */
function askedOf(input: unknown, key: string | null, prompt: ((input: unknown) => string) | undefined): string {
  if (typeof input !== "object" || input === null) return textOf(input)
  const whole = prompt && asked(input, prompt)
  const fields = Object.entries(input).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    return { name, text }
  })
  const told = fields.filter(({ text }) => text !== key && text !== "" && (whole === undefined || whole.includes(text)))
  if (told.length === 0) return whole ?? JSON.stringify(input)
  return told.length === 1 ? told[0]!.text : told.map(({ name, text }) => `${name}: ${text}`).join(", ")
}

/** The beginning of an object without the marks of JSON. */
function plainPreview(json: string): string {
  if (!json.startsWith("{")) return json
  return json
    .slice(1)
    .replaceAll(/"([^"]{1,60})":/g, "$1: ")
    .replaceAll(/,(?=\w)/g, ", ")
    .replaceAll(/"(?=,|\}?$)|(?<=: )"/g, "")
    .replace(/\}$/, "")
    .replaceAll(/\\(["\\])/g, "$1")
    .replaceAll(/\\[nrt]/g, " ")
}

function asked(input: unknown, prompt: ((input: unknown) => string) | undefined): string {
  try {
    if (prompt) return prompt(input)
  } catch {
    // An input that the question of today does not fit.
  }
  return textOf(input)
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "")
}
