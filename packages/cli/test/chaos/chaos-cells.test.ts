import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seededRandom } from "@sluice/lab"
import { expect, test } from "vitest"
import { chaosCells, nameOf, runCell } from "./cells.ts"

// The full size is `pnpm chaos`: a thousand items and ten kills each.
const sizes = { items: 60, kills: 1 }

// Several at once: most of each is a process that starts.
test.concurrent.each(chaosCells.map((cell, at) => ({ name: nameOf(cell), cell, seed: at + 1 })))(
  "SIGKILL at a random moment of a run ($name): every item has its one result, and nothing is repeated that was not in flight",
  async ({ cell, seed }) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"))
    const figures = await runCell(cell, folder, { ...sizes, random: seededRandom(seed) }).finally(() =>
      rmSync(folder, { recursive: true, force: true }),
    )
    const answers = sizes.items * (cell.output === "two models" ? 2 : 1)
    expect(figures).toMatchObject({ answers, lost: 0, twice: 0, wrong: 0, unexplained: 0, lastCode: 0 })
  },
  180_000,
)
