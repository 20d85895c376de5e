import { globSync } from "node:fs"
import { availableParallelism } from "node:os"
import path from "node:path"
import { defineConfig } from "vitest/config"

const packages = [
  "core",
  "scheduler",
  "providers",
  "journal",
  "lab",
  "pocketflow",
  "otel",
  "page",
  "redis",
  "bullmq",
  "cli",
  "sluice",
]

// Custom conditions replace the defaults, so Node's own are listed too. Not "module", which is for bundlers: Node gets it handed
// on, and some packages (@opentelemetry/api) have builds behind it that only bundlers can load.
const ssr = { resolve: { conditions: ["@sluice/source", "node", "import", "default"] } }

// Generous for slow machines: what a test waits for is a condition or virtual time, so only a hang gets here.
const patience = { testTimeout: 30_000, hookTimeout: 30_000 }

// Of what goes to the process because a test has no listener; what tests it listens itself.
const quiet = { execArgv: ["--disable-warning=SluiceWarning"] }

/**
 * Processes that share a quota in real time mostly wait, and tests in virtual time only compute: these go side by side, after all others.
 * The bounds of the first are wide: they were kept on two cores for which twenty processes waited.
 */
const lastly = { sequence: { groupOrder: 1 }, maxWorkers: availableParallelism() + 2 }
const last = new Set(["redis", "scheduler"])

/**
 * Packages whose test files share a process, one after the other: to load a package anew for each took a third of their time, or more.
 * Their tests leave nothing behind that another would see. The other packages look at all that their process holds, or start the command.
 */
const sharing = new Set(["core", "scheduler", "providers", "pocketflow", "otel", "lab"])
/** Of those packages, what looks at all that its process holds, and has one of its own. */
const withProcess: Readonly<Record<string, string>> = { lab: "test/process/*.test.ts" }

export default defineConfig({
  test: {
    // One more than there are cores: many tests wait for processes that they have started. The default leaves a core idle.
    maxWorkers: availableParallelism() + 1,
    // Programs are started from source some hundred times: with what Node has compiled kept, each takes half as much of the processor.
    env: { NODE_COMPILE_CACHE: path.join(import.meta.dirname, "node_modules/.cache/node") },
    // `pnpm coverage`: the packages whose every line and branch is run by their own tests.
    coverage: { include: ["src/**"], thresholds: { 100: true }, reporter: ["text"] },
    // node-redis leaves a socket whose certificate it refused without a listener: a TLS alert that comes late is thrown by it.
    onUnhandledError: (error) => !("code" in error && error.code === "ERR_SSL_TLSV1_ALERT_DECODE_ERROR"),
    // The second one writes the file that `scripts/ci/ci.ts` asks for, if it does.
    reporters: ["default", "./scripts/ci/ci-report.ts"],
    projects: [
      ...packages.map((name) => ({
        ssr,
        test: {
          ...patience,
          ...quiet,
          ...(last.has(name) && lastly),
          name,
          isolate: !sharing.has(name),
          root: `packages/${name}`,
          include: ["test/**/*.test.ts"],
          ...(withProcess[name] !== undefined && { exclude: [withProcess[name]] }),
          typecheck: {
            enabled: globSync(`packages/${name}/test/**/*.test-d.ts`).length > 0,
            checker: "tsc",
            include: ["test/**/*.test-d.ts"],
            tsconfig: "../../tsconfig.type-tests.json",
            // `pnpm types` reports the errors of other files.
            ignoreSourceErrors: true,
          },
        },
      })),
      ...Object.entries(withProcess).map(([name, include]) => ({
        ssr,
        test: { ...patience, ...quiet, name: `${name} process`, root: `packages/${name}`, include: [include] },
      })),
      {
        ssr,
        test: {
          ...patience,
          ...quiet,
          name: "repo",
          root: ".",
          include: ["scripts/**/*.test.ts", "examples/*/*.test.ts"],
        },
      },
    ],
  },
})
