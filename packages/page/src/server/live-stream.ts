import type { ServerResponse } from "node:http"

/** More than so much unread, and a tab is asleep: it is told everything anew when it reads on. */
const mostUnread = 2 ** 20

interface Listener {
  readonly response: ServerResponse
  isBehind: boolean
}

/** The tabs that are open, and what they are told. */
export class LiveStream {
  readonly #listeners = new Set<Listener>()
  readonly #hello: () => string

  constructor(hello: () => string) {
    this.#hello = hello
  }

  get size(): number {
    return this.#listeners.size
  }

  add(response: ServerResponse): void {
    const listener = { response, isBehind: false }
    this.#listeners.add(listener)
    response.on("error", () => {})
    response.on("close", () => this.#listeners.delete(listener))
    this.#write(listener, "hello", this.#hello())
  }

  tell(event: string, data: () => string): void {
    if (this.#listeners.size === 0) return
    let text: string | undefined
    for (const listener of this.#listeners) {
      if (listener.response.writableLength > mostUnread) listener.isBehind = true
      else if (listener.isBehind) {
        listener.isBehind = false
        this.#write(listener, "hello", this.#hello())
      } else this.#write(listener, event, (text ??= data()))
    }
  }

  close(): void {
    for (const { response } of this.#listeners) response.end()
  }

  #write({ response }: Listener, event: string, data: string): void {
    response.write(`event: ${event}\ndata: ${data}\n\n`)
  }
}
