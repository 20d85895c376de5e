import axe, { type AxeResults } from "axe-core"
import type { Page as Tab } from "playwright-core"

/** What axe finds wrong, each with its rule and where. */
export async function faultsOf(tab: Tab): Promise<string[]> {
  await tab.evaluate(axe.source)
  const { violations } = await tab.evaluate<AxeResults>("axe.run(document)")
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 120)} ${any[0]?.message ?? ""}`),
  )
}
