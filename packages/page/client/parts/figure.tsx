import type { JSX } from "preact"

interface FigureProps {
  readonly name: string
  readonly value: string
  readonly more?: string | undefined
  readonly href?: string
  readonly class?: string
}

/** A number with its name, and a word below it. */
export function Figure({ name, value, more, href, class: kind = "" }: FigureProps): JSX.Element {
  return (
    <div class={kind}>
      <dt>{name}</dt>
      <dd>
        {value}
        {more && <small>{href ? <a href={href}>{more}</a> : more}</small>}
      </dd>
    </div>
  )
}
