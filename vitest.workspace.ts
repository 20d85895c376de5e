import { defineConfig } from "vitest/config"

const packages = ["core", "scheduler", "providers", "journal", "lab", "pocketflow", "sluice"]

// Custom conditions replace the defaults, so the defaults are listed too.
const conditions = ["@sluice/source", "node", "import", "module", "default"]

export default defineConfig({
  test: {
    projects: packages.map((name) => ({
      ssr: { resolve: { conditions } },
      test: {
        name,
        root: `packages/${name}`,
        include: ["test/**/*.test.ts"],
        typecheck: {
          enabled: name === "core",
          checker: "tsc",
          include: ["test/**/*.test-d.ts"],
          tsconfig: "../../tsconfig.test.json",
        },
      },
    })),
  },
})
