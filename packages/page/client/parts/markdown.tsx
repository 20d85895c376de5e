import { type MarkedToken, type Token, lexer } from "marked"
import type { ComponentChildren, JSX } from "preact"

/**
 * Markdown as elements. The library reads it and nothing more: its HTML is never made, so an answer's own markup is the text that it is. No
 * picture is fetched, and a link leads where an address of the web or of mail does.
 */
export function Markdown({ text }: { text: string }): JSX.Element {
  return (
    <div class="markdown" dir="auto">
      {blocks(lexer(text))}
    </div>
  )
}

function blocks(tokens: readonly Token[] | undefined): ComponentChildren {
  return tokens?.map((token, at) => <Block key={at} token={token as MarkedToken} />)
}

function inner(token: { readonly tokens?: Token[]; readonly text?: string }): ComponentChildren {
  return token.tokens ? blocks(token.tokens) : decoded(token.text ?? "")
}

function Block({ token }: { token: MarkedToken }): ComponentChildren {
  switch (token.type) {
    case "space":
    case "def":
      return null
    case "heading": {
      const Heading = `h${Math.min(6, token.depth + 2)}` as "h3"
      return <Heading>{inner(token)}</Heading>
    }
    case "paragraph":
      return <p>{inner(token)}</p>
    case "blockquote":
      return <blockquote>{inner(token)}</blockquote>
    case "hr":
      return <hr />
    case "br":
      return <br />
    case "code":
      return (
        <pre>
          <code>{token.text}</code>
        </pre>
      )
    case "codespan":
      return <code>{token.text}</code>
    case "strong":
      return <strong>{inner(token)}</strong>
    case "em":
      return <em>{inner(token)}</em>
    case "del":
      return <del>{inner(token)}</del>
    case "link":
      return /^(?:https?|mailto):/i.test(token.href) ? (
        <a href={token.href} target="_blank" rel="noreferrer noopener">
          {inner(token)}
        </a>
      ) : (
        <>
          {inner(token)} ({token.href})
        </>
      )
    case "image":
      return `[picture: ${token.text} ${token.href}]`
    case "list": {
      const List = token.ordered ? "ol" : "ul"
      return (
        <List {...(token.ordered && typeof token.start === "number" && { start: token.start })}>
          {token.items.map((item, at) => (
            <li key={at}>
              {item.task && <input type="checkbox" disabled checked={item.checked === true} />}
              {blocks(item.tokens)}
            </li>
          ))}
        </List>
      )
    }
    case "table":
      return (
        <table>
          <thead>
            <tr>
              {token.header.map((cell, at) => (
                <th key={at}>{blocks(cell.tokens)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {token.rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => (
                  <td key={column}>{blocks(cell.tokens)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )
    case "text":
      return inner(token)
    case "escape":
      return token.text
    default:
      // HTML, and whatever else there may be: as it was written.
      return token.raw
  }
}

/** What people write for characters that are markup elsewhere. */
function decoded(text: string): string {
  return text.replace(
    /&(amp|lt|gt|quot|#39);/g,
    (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name]!,
  )
}
