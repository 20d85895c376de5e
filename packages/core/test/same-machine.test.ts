import { expect, test } from "vitest"
import { isLoopback, isSameOrigin } from "../src/internal.ts"

test.each(["127.0.0.1", "127.0.0.1:7000", "127.8.9.10", "localhost", "LocalHost:80", "[::1]:7000", "[::1]", "::1"])(
  "%s is this machine",
  (host) => expect(isLoopback(host)).toBe(true),
)

test.each([
  "",
  "127.0.0.1.example",
  "localhost.example:80",
  "10.0.0.1",
  "0.0.0.0",
  "[::]",
  "evil.example",
  "xlocalhost",
])("%s is another", (host) => expect(isLoopback(host)).toBe(false))

test("an origin is the server's own where host and port are", () => {
  expect(isSameOrigin("http://127.0.0.1:7000", "127.0.0.1:7000")).toBe(true)
  expect(isSameOrigin("http://localhost:7000", "LOCALHOST:7000")).toBe(true)
  expect(isSameOrigin("https://localhost", "localhost")).toBe(true)
  for (const origin of [
    "null",
    "",
    "http://127.0.0.1:7001",
    "https://evil.example",
    "file://127.0.0.1:7000",
    "http://127.0.0.1:7000/x",
  ])
    expect(isSameOrigin(origin, "127.0.0.1:7000")).toBe(false)
})
