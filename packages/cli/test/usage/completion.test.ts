import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { sluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 60_000 })

/** Without the shell the test is skipped, and says so; a machine that has to have it says that. */
function has(shell: string): boolean {
  if (spawnSync(shell, ["--version"]).status === 0) return true
  if (process.env["SLUICE_REQUIRE_SHELLS"] !== undefined) return true
  process.stderr.write(`skipped: there is no ${shell} here\n`)
  return false
}

/** Types into a zsh that has loaded nothing, presses Tab, and waits for what is to come on its terminal. */
const typing = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; PROMPT=; source $1; bindkey -e; unsetopt auto_menu; unset zle_bracketed_paste; print READY"
zpty -r shell seen '*READY*READY*'
shift
for typed wanted in "$@"; do
  zpty -w -n shell "$typed"$'\\t'
  zpty -r shell seen "*$wanted*" || exit 1
  print -r -- "$wanted"
  zpty -w -n shell $'\\C-u'
done
zpty -d shell
`

test.skipIf(!has("zsh"))(
  "in a real zsh, Tab completes commands, options with their words, choices and files",
  async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "script.zsh"), (await sluice(["completion", "zsh"])).stdout)
    writeFileSync(join(folder, "prompts.jsonl"), "")
    const typed = [
      ["sluice ins", "sluice inspect"],
      ["sluice run --retry", "--retry-failed"],
      ["sluice run --la", "--latency-ms  -- until the first token"],
      ["sluice run --lane b", "--lane batch"],
      ["sluice run prom", "prompts.jsonl"],
      ["sluice run --prompt-file prom", "--prompt-file prompts.jsonl"],
      ["sluice export x --format c", "--format csv"],
      ["sluice completion f", "completion fish"],
      ["sluice quota w", "quota watch"],
      ["sluice help wat", "help watch"],
      ["sluice quota show --r", "--redis"],
    ]
    const seen = execFileSync("zsh", ["-f", "-c", typing, "zsh", join(folder, "script.zsh"), ...typed.flat()], {
      cwd: folder,
      encoding: "utf8",
      timeout: 30_000,
      env: { ...process.env, TERM: "xterm-256color", HOME: folder },
    })
    expect(seen.trim().split("\n")).toEqual(typed.map(([, wanted]) => wanted))
  },
)

test.skipIf(!has("fish"))("in a real fish, Tab completes the same", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "script.fish"), (await sluice(["completion", "fish"])).stdout)
  writeFileSync(join(folder, "prompts.jsonl"), "")
  const complete = (typed: string): string[] =>
    execFileSync("fish", ["-N", "-c", `source script.fish; complete -C "${typed}"`], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, HOME: folder },
    })
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [line.split("\t")[0]!]))
  expect(complete("sluice ins")).toEqual(["inspect"])
  expect(complete("sluice run --retry")).toEqual(["--retry-failed"])
  expect(complete("sluice run --la")).toEqual(["--lane", "--latency-ms"])
  expect(complete("sluice run --lane ").toSorted()).toEqual(["auto", "batch", "online"])
  expect(complete("sluice run prom")).toEqual(["prompts.jsonl"])
  expect(complete("sluice run --prompt-file prom")).toEqual(["prompts.jsonl"])
  expect(complete("sluice export x --format j")).toEqual(["jsonl"])
  expect(complete("sluice completion z")).toEqual(["zsh"])
  expect(complete("sluice quota w")).toEqual(["watch"])
  expect(complete("sluice help wat")).toEqual(["watch"])
})

test("CI has the shells", () => {
  const script = readFileSync(join(import.meta.dirname, "../../../../.ci/run"), "utf8")
  expect(script).toMatch(/export SLUICE_REQUIRE_SHELLS=1[\s\S]*apt-get install .*zsh fish/)
})
