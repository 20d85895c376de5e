import { spawn } from "node:child_process"
import { expect, test } from "vitest"
import { ended, program, temporaryFolder } from "../command/sluice.ts"

/** The command's entry point in a process that takes itself for another Node; `pnpm check:pack` asks a real Node 20. */
function asNode(version: string) {
  const pretending = `Object.defineProperty(process, "version", { value: "v${version}" })
    Object.defineProperty(process.versions, "node", { value: "${version}" })`
  const preload = `data:text/javascript,${encodeURIComponent(pretending)}`
  const flags = ["--conditions=@sluice/source", "--import", preload]
  return ended(spawn(process.execPath, [...flags, program, "--version"], { cwd: temporaryFolder() }))
}

test.each(["18.20.8", "20.20.2", "21.7.3", "22.0.0", "22.17.1"])("Node %s is told which is needed", async (version) => {
  expect(await asNode(version)).toEqual({
    code: 2,
    stdout: "",
    stderr: `sluice: Node 22.18 or later is needed; this is v${version}. Upgrade Node: https://nodejs.org\n`,
  })
})

test.each(["22.18.0", "22.21.3", "23.0.0", "24.0.0", "26.5.0", "100.0.0"])("Node %s is new enough", async (version) => {
  expect(await asNode(version)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string })
})
