import type { ControlAction } from "../../src/wire.ts"

export async function ask<T>(path: string): Promise<T> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as T
}

/** Resolves to what went wrong, if anything did. */
export async function control(action: ControlAction, changes?: Record<string, number>): Promise<string | undefined> {
  try {
    const response = await fetch("api/control", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ action, ...(changes && { changes }) }),
    })
    return response.ok ? undefined : await response.text()
  } catch {
    return "The run's process does not answer."
  }
}
