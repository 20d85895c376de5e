/** Every fuzz test with a million inputs, new ones each time: `pnpm fuzz [inputs] [--project providers]`. */
import { spawnSync } from "node:child_process"

const [first = "", ...rest] = process.argv.slice(2)
const isCount = /^\d[\d_]*$/.test(first)
const inputs = isCount ? first.replaceAll("_", "") : "1000000"
const { status } = spawnSync(
  "vitest",
  ["run", "--config", "vitest.workspace.ts", "fuzz.test.ts", ...(isCount || first === "" ? rest : [first, ...rest])],
  { stdio: "inherit", env: { ...process.env, SLUICE_FUZZ: inputs } },
)
process.exitCode = status ?? 1
