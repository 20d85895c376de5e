import type { Contestant, Measure } from "./contestant.ts"
import type { inOwnProcess } from "./own-process.ts"
import type { Memory, Results, Taken } from "./results.ts"

export interface Extent {
  readonly few: number
  readonly many: number
  readonly rounds: number
  readonly hasMemory: boolean
}

/** Round after round, in each every contestant in turn: what the machine does beside them meets all alike. Whoever fails is not asked again. */
export async function measured(measure: Measure, extent: Extent, ask: typeof inOwnProcess): Promise<Results> {
  const { title, what, contestants } = measure
  const { few, many, rounds, hasMemory } = extent
  const taken = new Map<string, (readonly Taken[])[]>(contestants.map(({ name }) => [name, []]))
  const failures = new Map<string, string>()
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const { name } = contestant
      if (failures.has(name)) continue
      try {
        const items = contestant.most === undefined ? [few, many] : [itemsFor(contestant, few)]
        taken.get(name)?.push(await ask({ of: "times", title, name, items }))
      } catch (error) {
        failures.set(name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  const memoryOf = async (contestant: Contestant, items: number): Promise<Memory | "died" | undefined> => {
    if (!hasMemory) return undefined
    return await ask({ of: "memory", title, name: contestant.name, items: itemsFor(contestant, items) }).catch(
      () => "died" as const,
    )
  }
  const figures = []
  for (const contestant of contestants) {
    const { name, most } = contestant
    const own = taken.get(name) ?? []
    const at = (size: number): Taken[] => own.flatMap((round) => round[size] ?? [])
    const fewMemory = await memoryOf(contestant, few)
    const manyMemory = await memoryOf(contestant, many)
    figures.push({ name, most, few: at(0), many: at(1), fewMemory, manyMemory, failure: failures.get(name) })
  }
  return { title, what, few, many, figures }
}

function itemsFor({ most = Infinity }: Contestant, items: number): number {
  return Math.min(most, items)
}
