import { execFile } from "node:child_process"
import { startVendor, type VendorServer } from "@sluice/lab"

/** A vendor that stands in for those that a page's SDKs would call, and the variables by which they find it. */
export async function startPagesVendor(): Promise<{ readonly vendor: VendorServer; readonly env: NodeJS.ProcessEnv }> {
  const vendor = await startVendor({ answer: { text: "Hello." }, latency: { baseMs: 1, perOutputTokenMs: 0 } })
  const env = {
    OPENAI_API_KEY: "sk-lab",
    OPENAI_BASE_URL: `${vendor.url}/v1`,
    ANTHROPIC_API_KEY: "sk-lab",
    ANTHROPIC_BASE_URL: vendor.url,
    GEMINI_API_KEY: "lab",
    GOOGLE_GEMINI_BASE_URL: vendor.url,
  }
  return { vendor, env }
}

/** What a module prints when Node runs it. */
export interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a module in the folder it lies in, as `node file` does. */
export function runModule(folder: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Printed> {
  return runProgram(process.execPath, folder, args, env)
}

/** Runs a program in `folder`. */
export function runProgram(
  program: string,
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Printed> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, ...env }, timeout: 60_000 }
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1
      resolve({ code, stdout, stderr })
    })
  })
}
