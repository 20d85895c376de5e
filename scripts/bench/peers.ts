/**
 * Both ends of every SDK's range, installed and tried: calls through `limitedFetch`, half of whose tries a simulated vendor
 * refuses.
 * Writes docs/benchmarks/peers.md; exits with 1 where an end does not work.
 *
 *   pnpm peers
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { startVendor } from "@sluice/lab"
import { runModule } from "../docs/run-block.ts"
import { install } from "../pack/install.ts"

const root = path.join(import.meta.dirname, "../..")
const sluice = JSON.stringify(pathToFileURL(path.join(root, "packages/sluice/src/index.ts")).href)
const limits = "{ requestsPerMinute: 600, retry: { maxAttempts: 9, backoff: { initialMs: 10 } } }"

const openai = `import OpenAI from "openai"
const client = new OpenAI({ apiKey: "sk-lab", baseURL: url + "/v1", ...openaiOptions(limits) })
const ask = async (prompt) => (await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: prompt }] })).choices[0].message.content`
const anthropic = `import Anthropic from "@anthropic-ai/sdk"
const client = new Anthropic({ apiKey: "sk-lab", baseURL: url, ...anthropicOptions(limits) })
const ask = async (prompt) => (await client.messages.create({ model: "m", max_tokens: 100, messages: [{ role: "user", content: prompt }] })).content[0].text`
const google = `import { GoogleGenAI } from "@google/genai"
const client = new GoogleGenAI({ apiKey: "lab", httpOptions: { ...googleOptions(limits), baseUrl: url } })
const ask = async (prompt) => (await client.models.generateContent({ model: "m", contents: prompt })).text`
const ai = `import { createOpenAI } from "@ai-sdk/openai"
import { generateText } from "ai"
const { provider, call } = aiSdkOptions(limits)
const model = createOpenAI({ apiKey: "sk-lab", baseURL: url + "/v1", ...provider }).chat("m")
const ask = async (prompt) => (await generateText({ model, prompt, ...call })).text`

/** The lowest and the highest version of each range that is promised (genai takes a `fetch` from 2.23 on), and code that asks through it. */
const ends: readonly { readonly installed: Readonly<Record<string, string>>; readonly code: string }[] = [
  ...["4.0.0", "4", "5", "6", "7"].map((version) => ({ installed: { openai: version }, code: openai })),
  ...["0.20.0", "0", "1"].map((version) => ({ installed: { "@anthropic-ai/sdk": version }, code: anthropic })),
  ...["2.23.0", "2", "3"].map((version) => ({ installed: { "@google/genai": version }, code: google })),
  { installed: { ai: "5", "@ai-sdk/openai": "2" }, code: ai },
  { installed: { ai: "6", "@ai-sdk/openai": "3" }, code: ai },
  { installed: { ai: "7", "@ai-sdk/openai": "4" }, code: ai },
]

const work = mkdtempSync(path.join(tmpdir(), "sluice-peers-"))
// Half of the tries are refused: the SDK must see none of them.
const faults = { rates: { error503: 0.5 } }
const vendor = await startVendor({ answer: { text: "Hello." }, latency: { baseMs: 1, perOutputTokenMs: 0 }, faults })
const rows: string[] = []
try {
  for (const [at, { installed, code }] of ends.entries()) rows.push(await tried(String(at), installed, code))
} finally {
  await vendor.stop()
  rmSync(work, { recursive: true, force: true })
}
const text = `# SDKs that were tried

${new Date().toISOString().slice(0, 10)}, Node ${process.version}. Written by \`pnpm peers\`: each version is installed into an empty folder and asks six times through \`limitedFetch\`; the vendor refuses half of the tries.

| installed | | |
|---|---|---|
${rows.join("\n")}
`
writeFileSync(path.join(root, "docs/benchmarks/peers.md"), text)
process.stdout.write(text)
if (rows.some((row) => !row.includes("| works |"))) process.exitCode = 1

async function tried(name: string, installed: Readonly<Record<string, string>>, code: string): Promise<string> {
  const folder = path.join(work, name)
  install(folder, "npm", [], { ...installed, zod: "^4" }, ["--legacy-peer-deps"])
  const versions = Object.keys(installed).map((each) => {
    const manifest = readFileSync(path.join(folder, "node_modules", each, "package.json"), "utf8")
    return `${each} ${(JSON.parse(manifest) as { version: string }).version}`
  })
  writeFileSync(
    path.join(folder, "try.mjs"),
    `import { aiSdkOptions, anthropicOptions, googleOptions, openaiOptions } from ${sluice}
const url = ${JSON.stringify(vendor.url)}
const limits = ${limits}
${code}
for (let i = 0; i < 6; i++) {
  const said = await ask("Hi " + i)
  if (said !== "Hello.") throw new Error("it said " + said)
}
`,
  )
  vendor.reset()
  const { code: exit, stderr } = await runModule(folder, ["--conditions=@sluice/source", "try.mjs"], process.env)
  const { arrived } = vendor.stats()
  const reason = stderr.split("\n").find((line) => /Error/.test(line)) ?? stderr.slice(0, 100)
  return `| ${versions.join(", ")} | ${exit === 0 && arrived > 6 ? "works" : "**fails**"} | ${exit === 0 ? `${arrived} tries for 6 calls` : reason.replaceAll("|", " ")} |`
}
