import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { findOwnServer } from "../../../redis/test/suite-server.ts"
import { startTlsServer, type TlsServer } from "../../../redis/test/tls-server.ts"
import { ended, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

const program = findOwnServer()

describe.skipIf(program === undefined)("--redis rediss://", () => {
  let server: TlsServer | undefined
  beforeAll(async () => {
    server = await startTlsServer(program!)
  })
  afterAll(() => server?.stop())

  test("works with the authority's certificate, and says what is wrong without it, or with the wrong scheme or name", async (context) => {
    if (!server) return context.skip("this server was built without TLS")
    const { url, plainUrl, port, caFile } = server
    const env = { NODE_EXTRA_CA_CERTS: caFile }
    const show = (to: string, more: Record<string, string> = env) =>
      ended(startSluice(["quota", "show", "--redis", to], temporaryFolder(), { env: more }))
    expect(await show(url)).toMatchObject({ code: 0, stdout: "No quota is shared there.\n" })
    const wrong = async (to: string, more?: Record<string, string>): Promise<string> => {
      const { code, stderr } = await show(to, more)
      expect(code).toBe(2)
      return stderr
    }
    expect(await wrong(url, {})).toContain(
      `No Redis answers at ${url}: its certificate is not trusted (self-signed certificate in certificate chain). Start this with NODE_EXTRA_CA_CERTS=FILE`,
    )
    expect(await wrong(`rediss://127.0.0.1:${port}`)).toContain("its certificate is another host's")
    expect(await wrong(`redis://localhost:${port}`)).toContain("Does it want TLS (rediss://)?")
    expect(await wrong(plainUrl.replace("redis:", "rediss:"))).toContain("its TLS port")
  }, 60_000)

  test("who is not there is said so in the system's words", async () => {
    const { stderr } = await sluice(["quota", "show", "--redis", "redis://127.0.0.1:1"])
    expect(stderr).toContain("No Redis answers at redis://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1. Is it running")
  })
})
