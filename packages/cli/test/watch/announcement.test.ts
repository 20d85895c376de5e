import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { announce, announcements, folderOf } from "../../src/watch/announcement.ts"
import { temporaryFolder } from "../command/sluice.ts"

const told = { pid: process.pid, runId: "out.jsonl", title: "a run", startedAtMs: 1 }
const gone = JSON.stringify({ ...told, pid: 2 ** 22 + 1 })

test("of what killed runs left behind only what such a run has written is taken away", () => {
  const env = { XDG_RUNTIME_DIR: temporaryFolder() }
  const takeBack = announce(env, told)
  const folder = folderOf(env)
  mkdirSync(join(folder, "notes"))
  for (const name of ["4194305-1.json", "thesis.tex", "1.json", "a-1.json"]) writeFileSync(join(folder, name), gone)
  expect(announcements(env)).toEqual([told])
  expect(existsSync(join(folder, "4194305-1.json"))).toBe(false)
  takeBack()
  expect(readdirSync(folder).toSorted()).toEqual(["1.json", "a-1.json", "notes", "thesis.tex"])
})

test("a user without a name, as in a container that runs under a number, has a folder too", () => {
  const uid = process.getuid?.() ?? "runs"
  expect([folderOf({ XDG_RUNTIME_DIR: "/run/user/7" }), folderOf({})]).toEqual([
    join("/run/user/7", `sluice-${uid}`),
    join(tmpdir(), `sluice-${uid}`),
  ])
})

test("a link in place of the folder is not followed: nothing is written, read or taken away behind it", () => {
  const env = { XDG_RUNTIME_DIR: temporaryFolder() }
  const mine = mkdtempSync(join(env.XDG_RUNTIME_DIR, "mine-"))
  writeFileSync(join(mine, "4194305-1.json"), gone)
  writeFileSync(join(mine, "thesis.tex"), "years of work")
  symlinkSync(mine, folderOf(env))
  const takeBack = announce(env, told)
  expect(announcements(env)).toEqual([])
  takeBack()
  expect(readdirSync(mine).toSorted()).toEqual(["4194305-1.json", "thesis.tex"])
  rmSync(mine, { recursive: true })
})
