import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { freePort, startServer } from "./redis-server.ts"

export interface TlsServer {
  /** `rediss://`, by the name that its certificate is made for. */
  readonly url: string
  /** The same server without TLS. */
  readonly plainUrl: string
  readonly port: number
  /** The certificate of the authority that has signed the server's, and its file. */
  readonly ca: string
  readonly caFile: string
  stop(): Promise<void>
}

/**
 * A server with a certificate that an authority of the test's own has signed; nothing where it was built without TLS. Where tests with
 * Redis are required that is a fault: what Debian and Ubuntu install has TLS.
 */
export async function startTlsServer(program: string): Promise<TlsServer | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-tls-"))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const at = (name: string): string => path.join(folder, name)
  const openssl = (...args: readonly string[]): void => {
    const { status, stderr, error } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" })
    if (status !== 0) throw error ?? new Error(stderr)
  }
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test-authority")
  openssl("req", ...newKey, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=localhost")
  writeFileSync(at("names"), "subjectAltName=DNS:localhost")
  const signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
  openssl("x509", "-req", "-in", "own.csr", "-out", "own.crt", ...signing)
  const port = await freePort()
  const files = ["--tls-cert-file", at("own.crt"), "--tls-key-file", at("own.key"), "--tls-ca-cert-file", at("ca.crt")]
  const server = await startServer(program, "--tls-port", String(port), "--tls-auth-clients", "no", ...files).catch(
    (error: unknown) => {
      remove()
      if (process.env["SLUICE_REQUIRE_REDIS"]) throw new Error(`${program} does not start with TLS`, { cause: error })
      return undefined
    },
  )
  if (!server) return undefined
  return {
    url: `rediss://localhost:${port}`,
    plainUrl: server.url,
    port,
    ca: readFileSync(at("ca.crt"), "utf8"),
    caFile: at("ca.crt"),
    async stop() {
      await server.stop()
      remove()
    },
  }
}
