import { useEffect, useState } from "preact/hooks"
import { current, type Live, subscribe } from "./connection.ts"

/** What is known now; draws anew when that changes. */
export function useLive(): Live {
  const [live, setLive] = useState(current)
  useEffect(() => subscribe(() => setLive(current())), [])
  return live
}

/** The part of the address behind `#`. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = (): void => setHash(location.hash)
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [])
  return hash
}

/** Whether the screen is dark now. */
export function useDark(): boolean {
  const [query] = useState(() => matchMedia("(prefers-color-scheme: dark)"))
  const [isDark, setDark] = useState(query.matches)
  useEffect(() => {
    const changed = (): void => setDark(query.matches)
    query.addEventListener("change", changed)
    return () => query.removeEventListener("change", changed)
  }, [query])
  return isDark
}
