import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"
import type { IncomingMessage, ServerResponse } from "node:http"
import { GoogleGenAI } from "@google/genai"
import type { SluiceError } from "@sluice/core"
import OpenAI, { AzureOpenAI } from "openai"
import { describe, expect, it } from "vitest"
import {
  googleOptions,
  limitedFetch,
  type LimitedFetch,
  type LimitedFetchOptions,
  openaiOptions,
} from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

const accountsOf = (fetch: LimitedFetch): Set<string | undefined> =>
  new Set(fetch.snapshot().map(({ name }) => name.split("/")[1]))

function answer(response: ServerResponse, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(
    JSON.stringify(
      status === 200
        ? {
            choices: [{ message: { role: "assistant", content: "hi" } }],
            usage: { prompt_tokens: 1, completion_tokens: 1 },
          }
        : { error: { message: "Incorrect API key provided", code: "invalid_api_key" } },
    ),
  )
}

const chat = (url: string, headers: Record<string, string> = {}): [string, RequestInit] => [
  url,
  {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
  },
]

const jwt = (claims: object, signature = "c2ln"): string =>
  `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`

describe("an account is whoever the vendor counts", () => {
  it.each([undefined, "EMPTY"])(
    "two servers with the key %s are two: one's 401 says nothing of the other",
    async (key) => {
      const strict = await scriptedServer((_n, response) => answer(response, 401))
      const open = await scriptedServer((_n, response) => answer(response))
      const fetch = limitedFetch()
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
      const statuses = []
      for (const { url } of [strict, open, strict]) {
        statuses.push((await fetch(...chat(`${url}/v1/chat/completions`, headers))).status)
      }
      expect(statuses).toEqual([401, 200, 401])
      expect([strict.calls.length, open.calls.length]).toEqual([1, 1])
      expect(accountsOf(fetch).size).toBe(2)
    },
  )

  it("so are two path prefixes of one host, and two regions under one Entra token", async () => {
    const server = await scriptedServer((_n, response) => answer(response))
    const fetch = limitedFetch()
    for (const team of ["a", "b"]) {
      await fetch(...chat(`${server.url}/team-${team}/v1/chat/completions`, { authorization: "Bearer same" }))
      await fetch(...chat(`${server.url}/team-${team}/v1/embeddings`, { authorization: "Bearer same" }))
    }
    expect(accountsOf(fetch).size).toBe(2)

    const something = { choices: [{ message: { content: "hi" } }], data: [{ embedding: [0.5] }] }
    const seen: string[] = []
    const regional = limitedFetch({
      fetch: async (input) => {
        seen.push(input instanceof Request ? input.url : String(input))
        return new Response(JSON.stringify(something), { headers: { "content-type": "application/json" } })
      },
    })
    for (const endpoint of ["https://eu.openai.azure.com", "https://us.openai.azure.com"]) {
      const azure = new AzureOpenAI({
        endpoint,
        apiVersion: "2025-04-01-preview",
        azureADTokenProvider: async () => "entra",
        ...openaiOptions(regional),
      })
      await azure.chat.completions.create({ model: "m", messages: [] })
      await azure.embeddings.create({ model: "n", input: "hi" })
    }
    expect(seen).toHaveLength(4)
    expect(accountsOf(regional).size).toBe(2)
  })

  it("Gemini's key counts in the query as in its header: a bad one ends only its own calls", async () => {
    const server = await scriptedServer((_n, response, request) => {
      const bad = request.url!.includes("key=bad")
      response.writeHead(bad ? 400 : 200, { "content-type": "application/json" })
      const error = {
        code: 400,
        status: "INVALID_ARGUMENT",
        message: "API key not valid.",
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }],
      }
      response.end(JSON.stringify(bad ? { error } : { candidates: [], usageMetadata: { promptTokenCount: 1 } }))
    })
    const fetch = limitedFetch()
    const address = `${server.url}/v1beta/models/gemini-2.5-flash:generateContent`
    const statuses = []
    for (const key of ["bad", "good", "bad"]) statuses.push((await fetch(...chat(`${address}?key=${key}`))).status)
    expect(statuses).toEqual([400, 200, 400])
    expect(server.calls).toHaveLength(2)

    const google = new GoogleGenAI({ apiKey: "good", httpOptions: { baseUrl: server.url, ...googleOptions(fetch) } })
    await google.models.generateContent({ model: "gemini-2.5-flash", contents: "hi" })
    expect(accountsOf(fetch).size).toBe(2)
  })

  it("the places of one key are one account: as a bearer token, as a header of its own", async () => {
    const server = await scriptedServer((_n, response) => answer(response))
    const fetch = limitedFetch()
    await fetch(...chat(`${server.url}/v1/chat/completions`, { authorization: "Bearer k" }))
    await fetch(...chat(`${server.url}/v1/chat/completions`, { "api-key": "k" }))
    expect(accountsOf(fetch).size).toBe(1)
  })

  it("a request signed anew each time (AWS) is one account: its key id counts, not its signature", async () => {
    const server = await scriptedServer((_n, response) => answer(response))
    const fetch = limitedFetch({ vendor: "openai-compatible" })
    for (const [day, signature] of [
      ["20261128", "aa"],
      ["20261129", "bb"],
    ]) {
      const authorization = `AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/${day}/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=${signature}`
      await fetch(...chat(`${server.url}/v1/chat/completions`, { authorization }))
    }
    expect(accountsOf(fetch).size).toBe(1)
  })
})

describe("tokens that are renewed", () => {
  const hour = (n: number): object => ({
    iss: "https://sts",
    sub: "service",
    tid: "t",
    iat: n * 3600,
    exp: n * 3600 + 3600,
  })

  it("JWTs with the same subject are one account; another subject is another", async () => {
    const server = await scriptedServer((_n, response) => answer(response))
    const fetch = limitedFetch()
    for (const claims of [hour(1), hour(2), { ...hour(2), sub: "other" }])
      await fetch(
        ...chat(`${server.url}/v1/chat/completions`, {
          authorization: `Bearer ${jwt(claims, `s${JSON.stringify(claims).length}`)}`,
        }),
      )
    expect(accountsOf(fetch).size).toBe(2)
  })

  it("one that has expired ends nothing for the next", async () => {
    const old = jwt(hour(1))
    const server = await scriptedServer((_n, response, request) =>
      answer(response, request.headers.authorization === `Bearer ${old}` ? 401 : 200),
    )
    const fetch = limitedFetch()
    let token = old
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: async () => token, ...openaiOptions(fetch) })
    const ask = (): Promise<string> =>
      openai.chat.completions.create({ model: "m", messages: [] }).then(
        () => "ok",
        (error: { status?: number }) => String(error.status),
      )
    expect([await ask(), await ask()]).toEqual(["401", "401"])
    expect(server.calls).toHaveLength(1)
    token = jwt(hour(2))
    expect([await ask(), await ask()]).toEqual(["ok", "ok"])
    expect(accountsOf(fetch).size).toBe(1)
  })

  it("opaque ones are one account by the recipe of the guide: keyBy names what the vendor counts", async () => {
    const server = await scriptedServer((_n, response: ServerResponse, request: IncomingMessage) =>
      answer(response, request.headers.authorization === "Bearer ya29.old" ? 401 : 200),
    )
    const fetch = limitedFetch({
      vendor: "openai-compatible",
      keyBy: ({ url }) => ({ account: url.pathname.split("/")[2]! }),
    })
    const address = "v1beta1/my-project/locations/global/endpoints/openapi/chat/completions"
    const statuses = []
    for (const token of ["ya29.old", "ya29.old", "ya29.new", "ya29.new"])
      statuses.push((await fetch(...chat(`${server.url}/${address}`, { authorization: `Bearer ${token}` }))).status)
    expect(statuses).toEqual([401, 401, 200, 200])
    expect(server.calls).toHaveLength(3)
    expect([...accountsOf(fetch)]).toEqual(["my-project"])
  })
})

describe("labels", () => {
  it("cannot be found from a weak key: another process has another label for it", async () => {
    const server = await scriptedServer((_n, response) => answer(response))
    const fetch = limitedFetch()
    await fetch(...chat(`${server.url}/v1/chat/completions`, { authorization: "Bearer weak" }))
    const [label] = accountsOf(fetch)
    expect(label).toMatch(/^[0-9a-f]{12}$/)
    const program = `
      import { limitedFetch } from "@sluice/providers"
      const fetch = limitedFetch()
      const headers = { "content-type": "application/json", authorization: "Bearer weak" }
      await fetch(process.argv[1], { method: "POST", headers, body: JSON.stringify({ model: "m", messages: [] }) })
      console.log(fetch.snapshot()[0].name.split("/")[1])`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@sluice/source", "--input-type=module", "-e", program, `${server.url}/v1/chat/completions`],
      { cwd: path.join(import.meta.dirname, "../..") },
    )
    const other = stdout.trim()
    expect(other).toMatch(/^[0-9a-f]{12}$/)
    expect(other).not.toBe(label)
  })
})

describe("the pages' own `keyBy`, as it stands there, when tokens are renewed of which nothing can be read", () => {
  const recipes = (page: string): NonNullable<LimitedFetchOptions["keyBy"]>[] => {
    const text = readFileSync(path.join(import.meta.dirname, "../../../../docs/sdks", page), "utf8")
    return [...text.matchAll(/`keyBy: ([^`]+)`/g)].map(
      // The page's own words, and nobody else's.
      // oxlint-disable-next-line no-implied-eval
      ([, code]) => new Function(`return ${code}`)() as NonNullable<LimitedFetchOptions["keyBy"]>,
    )
  }
  const renewed = ["ya29.first", "ya29.second", "opaque-third"]

  it.each(["fetch.md", "google-genai.md"])("%s: one account, whose limits hold across renewals", async (page) => {
    const [keyBy, ...others] = recipes(page)
    expect(others).toEqual([])
    const server = await scriptedServer((_n, response) => answer(response))
    const told: LimitedFetchOptions = { requestsPerDay: 2 }
    const statuses = async (fetch: LimitedFetch): Promise<string[]> => {
      const ends: string[] = []
      for (const token of renewed) {
        const call = fetch(...chat(`${server.url}/v1/chat/completions`, { authorization: `Bearer ${token}` }))
        ends.push(
          await call.then(
            ({ status }) => `${status}`,
            (error: unknown) => (error as SluiceError).code,
          ),
        )
      }
      return ends
    }
    const without = limitedFetch(told)
    expect([await statuses(without), accountsOf(without).size]).toEqual([["200", "200", "200"], 3])
    const fetch = limitedFetch({ ...told, keyBy: keyBy! })
    expect([await statuses(fetch), accountsOf(fetch).size]).toEqual([["200", "200", "quota-exhausted"], 1])
  })

  it("fetch.md's tells teams apart by their header, and hosts where there is none", async () => {
    const keyBy = recipes("fetch.md")[0]!
    const [one, other] = [
      await scriptedServer((_n, response) => answer(response)),
      await scriptedServer((_n, response) => answer(response)),
    ]
    const fetch = limitedFetch({ keyBy })
    for (const token of renewed) {
      for (const team of ["a", "b"])
        await fetch(...chat(`${one.url}/v1/chat/completions`, { authorization: `Bearer ${token}`, "x-team": team }))
      await fetch(...chat(`${other.url}/v1/chat/completions`, { authorization: `Bearer ${token}` }))
    }
    expect(accountsOf(fetch)).toEqual(new Set(["a", "b", new URL(other.url).host]))
  })
})
