import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { expect, test } from "vitest"
import { parse } from "yaml"

const root = path.join(import.meta.dirname, "../..")
const page = readFileSync(path.join(root, "docs/scale-out.md"), "utf8")
// Throws for what is no YAML.
const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => parse(text!, { merge: true }) as unknown)

/** Each option that a command of the page is given is one of `sluice`. */
function checkCommand([command = "", ...args]: readonly string[]): void {
  const flags = ["--conditions=@sluice/source", path.join(root, "packages/cli/src/main.ts"), command, "--help"]
  const { status, stdout } = spawnSync(process.execPath, flags, { encoding: "utf8" })
  expect(status).toBe(0)
  for (const option of args.filter((arg) => arg.startsWith("--"))) expect(stdout).toMatch(new RegExp(`${option}\\b`))
}

interface Service {
  readonly command: readonly string[]
  readonly environment?: readonly string[]
  readonly stop_grace_period?: string
  readonly build?: { readonly dockerfile_inline: string }
}

test("the compose file has a Redis that evicts nothing, workers that drain with keys, and a run without", () => {
  const { services } = blocks[0] as { services: Record<"redis" | "worker" | "run", Service> }
  expect(services.redis.command.join(" ")).toContain("--maxmemory-policy noeviction")
  checkCommand(services.worker.command)
  checkCommand(services.run.command)
  expect(services.worker).toMatchObject({ environment: ["OPENAI_API_KEY"], stop_grace_period: "5m" })
  expect(services.run).toMatchObject({ environment: [], command: expect.arrayContaining(["--workers"]) })
  // What the command says is missing without it.
  expect(services.run.build!.dockerfile_inline).toContain("@sluice/cli @sluice/bullmq bullmq ioredis")
})

test("the Deployment drains before it is stopped, within its grace", () => {
  const deployment = blocks[1] as {
    apiVersion: string
    kind: string
    spec: {
      selector: { matchLabels: object }
      template: {
        metadata: { labels: object }
        spec: {
          terminationGracePeriodSeconds: number
          containers: { args: string[]; lifecycle: { preStop: { exec: { command: string[] } } } }[]
        }
      }
    }
  }
  const { spec, metadata } = deployment.spec.template
  expect(deployment).toMatchObject({ apiVersion: "apps/v1", kind: "Deployment" })
  expect(metadata.labels).toEqual(deployment.spec.selector.matchLabels)
  expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(60)
  const [worker] = spec.containers
  checkCommand(worker!.args)
  const [shell, flag, script] = worker!.lifecycle.preStop.exec.command
  expect([shell, flag, script]).toEqual(["sh", "-c", expect.stringContaining("kill -TERM 1")])
  // Of a process that ends, as the worker does: the hook waits for it, and no longer.
  const tried = spawnSync(
    "sh",
    [
      "-c",
      `sh -c 'trap "sleep 1; exit" TERM; while :; do sleep 0.1; done' & target=$!; sleep 0.3; ${script!.replaceAll(/\b1\b(?=[;]|$)/g, "$target")}`.replace(
        "sleep $target",
        "sleep 1",
      ),
    ],
    { encoding: "utf8", timeout: 20_000 },
  )
  expect([tried.signal, tried.error]).toEqual([null, undefined])
})
