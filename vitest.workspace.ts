import { globSync } from "node:fs"
import { defineConfig } from "vitest/config"

const packages = ["core", "scheduler", "providers", "journal", "lab", "pocketflow", "cli", "sluice"]

// Custom conditions replace the defaults, so the defaults are listed too.
const ssr = { resolve: { conditions: ["@sluice/source", "node", "import", "module", "default"] } }

// Generous for slow machines: what a test waits for is a condition or virtual time, so only a hang gets here.
const patience = { testTimeout: 30_000, hookTimeout: 30_000 }

// `scripts/ci.ts` reads its counts from this file.
const reportFile = process.env["SLUICE_TEST_REPORT"]

export default defineConfig({
  test: {
    // `pnpm coverage`: the packages whose every line and branch is run by their own tests.
    coverage: { include: ["src/**"], thresholds: { 100: true }, reporter: ["text"] },
    reporters: reportFile ? ["default", ["json", { outputFile: reportFile }]] : ["default"],
    projects: [
      ...packages.map((name) => ({
        ssr,
        test: {
          ...patience,
          name,
          root: `packages/${name}`,
          include: ["test/**/*.test.ts"],
          typecheck: {
            enabled: globSync(`packages/${name}/test/**/*.test-d.ts`).length > 0,
            checker: "tsc",
            include: ["test/**/*.test-d.ts"],
            tsconfig: "../../tsconfig.test.json",
            // `pnpm types` reports the errors of other files.
            ignoreSourceErrors: true,
          },
        },
      })),
      { ssr, test: { ...patience, name: "repo", root: ".", include: ["scripts/*.test.ts", "examples/*/*.test.ts"] } },
    ],
  },
})
