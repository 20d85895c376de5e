import { type ComponentType, type JSX } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { LongText } from "../../src/wire.ts"
import { count } from "../format.ts"

type Way = "text" | "markdown" | "json"

/** What is longer is shown as it is: a browser lays out so much text, and no more markup. */
const mostMarkdown = 100_000

interface PaneProps {
  readonly title: string
  readonly row: number
  readonly which: "asked" | "answered"
  readonly text: LongText | undefined
  /** What is said where there is no text. */
  readonly none: string
}

/** A text as it is, as Markdown or as JSON. It is never taken for markup. */
export function TextPane({ title, row, which, text, none }: PaneProps): JSX.Element {
  const [chosen, choose] = useState<Way>()
  if (!text)
    return (
      <section class="pane" aria-label={title}>
        <h3>{title}</h3>
        <p class="faint">{none}</p>
      </section>
    )
  const isWhole = text.text.length === text.length
  const json = isWhole ? jsonOf(text.text) : undefined
  const ways: readonly Way[] = [
    "text",
    ...(isWhole && text.length <= mostMarkdown ? ["markdown" as const] : []),
    ...(json ? ["json" as const] : []),
  ]
  const way =
    chosen && ways.includes(chosen)
      ? chosen
      : json
        ? "json"
        : which === "answered" && ways.includes("markdown")
          ? "markdown"
          : "text"
  return (
    <section class="pane" aria-label={title}>
      <div class="panehead">
        <h3>{title}</h3>
        <div role="group" aria-label={`How ${title.toLowerCase()} is shown`}>
          {ways.map((each) => (
            <button type="button" key={each} aria-pressed={way === each} onClick={() => choose(each)}>
              {each === "json" ? "JSON" : each === "markdown" ? "Markdown" : "Text"}
            </button>
          ))}
        </div>
      </div>
      {way === "markdown" ? (
        <LazyMarkdown text={text.text} />
      ) : (
        <pre tabIndex={0} dir="auto">
          {way === "json" ? json : text.text}
        </pre>
      )}
      {!isWhole && (
        <p class="faint">
          The first {count(text.text.length)} of {count(text.length)} characters.{" "}
          <a href={`api/items/${row}/${which}`} target="_blank" rel="noreferrer">
            All of it as plain text
          </a>
        </p>
      )}
    </section>
  )
}

function jsonOf(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    // What turns the direction of writing would show another object than the one that it is.
    return JSON.stringify(JSON.parse(text), undefined, 2).replaceAll(
      /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
  } catch {
    return undefined
  }
}

function LazyMarkdown({ text }: { text: string }): JSX.Element {
  const [Markdown, setMarkdown] = useState<ComponentType<{ text: string }>>()
  useEffect(() => void import("./markdown.tsx").then((module) => setMarkdown(() => module.Markdown)), [])
  return Markdown ? <Markdown text={text} /> : <pre dir="auto">{text}</pre>
}
