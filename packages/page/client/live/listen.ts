const againMs = 1_000

/** Hears the events of a server, by their names, as long as the page is open; after an interruption it asks anew. */
export function listen(
  address: string,
  events: Readonly<Record<string, (data: unknown) => void>>,
  onLost: () => void,
): void {
  const source = new EventSource(address)
  for (const [name, hear] of Object.entries(events))
    source.addEventListener(name, ({ data }) => hear(JSON.parse(data as string)))
  source.addEventListener("error", () => {
    source.close()
    onLost()
    setTimeout(() => listen(address, events, onLost), againMs)
  })
}
