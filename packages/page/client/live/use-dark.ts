import { useEffect, useState } from "preact/hooks"

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
