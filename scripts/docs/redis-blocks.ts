import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { docPages } from "./doc-blocks.ts"

/** A program of a page that needs a Redis, and ends when it is told to. */
export interface RedisBlock {
  readonly page: string
  readonly code: string
}

/** Every block that is marked `no-run`: they are run by `runRedisBlocks`, all of them. */
export function redisBlocks(root: string): RedisBlock[] {
  return docPages(root).flatMap((page) => {
    const text = readFileSync(path.join(root, page), "utf8")
    return [...text.matchAll(/^```ts no-run\n([\s\S]*?)^```$/gm)].map(([, code]) => ({ page, code: code! }))
  })
}

/** What the pages' `./flow.ts` is here. */
const flow = `import { define } from "sluice"

export const app = define().batch({
  name: "double",
  prep: () => Array.from({ length: 100 }, (_, n) => n),
  exec: async (n: number) => 2 * n,
  post: (_shared, _items, results) => console.log(results.reduce((sum, n) => sum + n, 0)),
})
`
const sum = "9900\n"

/** What follows the block with the shared quota: its calls. */
const calls = `
for (let call = 0; call < 3; call++) {
  const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer any", "content-type": "application/json" },
    body: JSON.stringify({ model: "lab", messages: [{ role: "user", content: "Say hello" }] }),
  })
  console.log(answer.status)
}
`

interface Run {
  /** Of the blocks, in the order of their pages: docs/scale-out.md, then the README of bullmq. */
  readonly quota: string
  readonly unreachable: string
  readonly batch: string
  readonly worker: string
  readonly run: string
  readonly both: string
}

/** Writes the blocks as modules of `folder`, unchanged; returns the files. */
export function writeRedisBlocks(folder: string, blocks: readonly RedisBlock[]): string[] {
  const files = filesOf(blocks)
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, "flow.ts"), flow)
  for (const [name, code] of Object.entries(files)) writeFileSync(path.join(folder, `${name}.ts`), code)
  return ["flow", ...Object.keys(files)].map((name) => path.join(folder, `${name}.ts`))
}

function filesOf(blocks: readonly RedisBlock[]): Run {
  const of = (page: string): string[] => blocks.filter((block) => block.page === page).map(({ code }) => code)
  const [quota, unreachable, batch, worker, run, ...rest] = of("docs/scale-out.md")
  const [both, ...others] = of("packages/bullmq/README.md")
  const isAll = blocks.length === 6 && rest.length === 0 && others.length === 0
  if (!isAll || !quota || !unreachable || !batch || !worker || !run || !both)
    throw new Error("Some blocks that are marked no-run are not run: add them to scripts/docs/redis-blocks.ts.")
  return { quota: quota + calls, unreachable, batch, worker, run, both }
}

/** Runs the modules that `writeRedisBlocks` wrote, each as its page says; throws what one of them does otherwise. `env` names Redis and the vendor. */
export async function runRedisBlocks(folder: string, env: NodeJS.ProcessEnv, flags: readonly string[]): Promise<void> {
  const children: Told[] = []
  const start = (name: string): Told => {
    const child = told(
      spawn(process.execPath, [...flags, "--import", tellsWhenItListens, `${name}.ts`], {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      }),
    )
    children.push(child)
    return child
  }
  try {
    const sharing = [start("quota"), start("quota")]
    // Each after its last call, by itself.
    for (const each of sharing) await each.ends("200\n200\n200\n")
    for (const name of ["unreachable", "batch"]) await start(name).ends("")
    const workers = [start("worker"), start("worker")]
    await start("run").ends(sum)
    // One of them may have done it all before the other had begun.
    for (const each of workers) await each.listens
    for (const each of workers) await each.endsWhenTold()
    const both = start("both")
    await both.prints(sum)
    await both.endsWhenTold()
  } finally {
    for (const { child } of children) child.kill("SIGKILL")
  }
}

/** Loaded before a block, which stays as it is: sends a message when the block first listens for SIGTERM. Before that, it would die of one. */
const tellsWhenItListens = `data:text/javascript,${encodeURIComponent(
  `process.on("newListener", (name) => { if (name === "SIGTERM") process.send("listens") })`,
)}`

interface Told {
  readonly child: ChildProcess
  /** When it can be told to end, or has ended. */
  readonly listens: Promise<unknown>
  /** Waits until it has printed so, and not another thing. */
  prints(text: string): Promise<void>
  /** Ends it with SIGTERM: it says nothing more, and its code is 0. */
  endsWhenTold(): Promise<void>
  ends(text: string): Promise<void>
}

function told(child: ChildProcess): Told {
  const file = child.spawnargs.at(-1)
  let [stdout, stderr] = ["", ""]
  let wake = (): void => {}
  child.stdout?.on("data", (chunk) => {
    stdout += String(chunk)
    wake()
  })
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)))
  const end = new Promise<number | null>((resolve) => child.once("close", resolve))
  void end.then(() => wake())
  const wrong = (what: string): Error => new Error(`${file} ${what}; it printed\n${stdout}${stderr}`)
  const ends = async (): Promise<void> => {
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000)
    const code = await end
    clearTimeout(late)
    if (code !== 0 || stderr !== "") throw wrong(`ended with ${code}`)
  }
  return {
    child,
    listens: Promise.race([new Promise((resolve) => child.once("message", resolve)), end]),
    async prints(text) {
      const late = setTimeout(() => child.kill("SIGKILL"), 60_000)
      while (!stdout.includes(text) && child.exitCode === null && child.signalCode === null)
        await new Promise<void>((resolve) => (wake = resolve))
      clearTimeout(late)
      if (stdout !== text) throw wrong(`did not print ${text}`)
    },
    endsWhenTold() {
      child.kill("SIGTERM")
      return ends()
    },
    async ends(text) {
      await ends()
      if (stdout !== text) throw wrong(`did not print ${text}`)
    },
  }
}
