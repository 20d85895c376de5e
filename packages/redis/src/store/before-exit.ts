const leaving = new Set<() => void>()

function leave(): void {
  for (const each of leaving) each()
}

/** Calls `goodbye` when nothing else goes on in this process, which ends then; the function that it returns takes that back. */
export function beforeExit(goodbye: () => void): () => void {
  if (leaving.size === 0) process.on("beforeExit", leave)
  leaving.add(goodbye)
  return () => {
    leaving.delete(goodbye)
    if (leaving.size === 0) process.off("beforeExit", leave)
  }
}
