import { writeFileSync } from "node:fs"
import path from "node:path"
import { runProgram } from "../../docs/run-block.ts"

const program = `import { openJournal } from "sluice"
try {
  openJournal({ path: "older.journal" })
} catch (error) {
  console.log(error.message)
}
`

/** Runs the command, and a journal of the library, with a Node that is too old; throws where they do not name the version that is needed. */
export async function checkOlderNode(folder: string, node: string): Promise<void> {
  writeFileSync(path.join(folder, "older.mjs"), program)
  const command = path.join(folder, "node_modules/@sluice/cli/dist/main.js")
  const said = [
    { what: "the command", code: 2, ...wordsOf(await runProgram(node, folder, [command, "run", "in.txt"], {})) },
    { what: "a journal", code: 0, ...wordsOf(await runProgram(node, folder, ["older.mjs"], {})) },
  ]
  for (const { what, code, ended, words } of said) {
    const isTold = /Node 22\.18 or later/.test(words) && /this is v20\./.test(words) && !/^ +at /m.test(words)
    if (!isTold || ended !== code) throw new Error(`${what} with Node 20: exit code ${ended}, printed\n${words}`)
  }
}

function wordsOf({ code, stdout, stderr }: Awaited<ReturnType<typeof runProgram>>): { ended: number; words: string } {
  return { ended: code, words: stdout + stderr }
}
