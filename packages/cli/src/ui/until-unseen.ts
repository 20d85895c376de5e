import type { Clock } from "@sluice/core"
import type { Page } from "@sluice/page"

/** A tab that is gone for so long is not being reloaded. */
const goneMs = 3_000

/** Resolves when nobody looks at the page any more, or at `signal`. Who has not come yet is waited for. */
export async function untilUnseen(page: Page, clock: Clock, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let wasSeen = false
  let goneSince: number | undefined
  let cancel: (() => void) | undefined
  const look = (): void => {
    if (page.viewers > 0) {
      wasSeen = true
      goneSince = undefined
    } else if (wasSeen) goneSince ??= clock.now()
    if (goneSince !== undefined && clock.now() - goneSince >= goneMs) return resolve()
    cancel = clock.setTimer(500, look)
  }
  signal.addEventListener("abort", () => resolve())
  if (!signal.aborted) look()
  else resolve()
  await promise
  cancel?.()
}
