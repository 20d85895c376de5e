import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseExactJson } from "@sluice/journal"
import { describe, expect, it, test } from "vitest"
import { compilePrompt } from "../../src/question/compile-prompt.ts"
import type { InputRecord } from "../../src/question/prompt-template.ts"
import { sluice, temporaryFolder } from "../command/sluice.ts"

const filled = async (text: string, record: InputRecord, params: InputRecord = {}): Promise<string> =>
  (await compilePrompt(text, params, "the prompt"))(record, "in.jsonl:1")

describe("a prompt with tags and filters", () => {
  it.each<[string, string, InputRecord, string]>([
    ["a default", '{{ title | default: "(none)" }}: {{text}}', { text: "a" }, "(none): a"],
    ["a default that is not wanted", '{{ title | default: "(none)" }}', { title: "t" }, "t"],
    ["a condition on a field that is missing", "{{a}}{% if note %} ({{note}}){% endif %}", { a: 1 }, "1"],
    ["a condition", "{{a}}{% if note %} ({{note}}){% endif %}", { a: 1, note: "n" }, "1 (n)"],
    [
      "a loop",
      "{% for r in list %}{{forloop.index}}. {{r.text}};{% endfor %}",
      { list: [{ text: "x" }, { text: "y" }] },
      "1. x;2. y;",
    ],
    [
      "a loop whose variable is called as a field",
      "{% for text in list %}{{text}},{% endfor %}{{text}}",
      { text: "t", list: ["a", "b"] },
      "a,b,t",
    ],
    ["filters", "{{ text | upcase | truncate: 5, '' }}", { text: "abcdefgh" }, "ABCDE"],
    [
      "a list as JSON, as without filters",
      "{% if 1 %}{{list}} {{none}}{% endif %}",
      { list: [1, "a"], none: null },
      '[1,"a"] null',
    ],
    [
      "a name that is none of Liquid's",
      "{{Review Text}} {{a.b}} {{ text | strip }}",
      { "Review Text": "r", "a.b": 2, text: " t " },
      "r 2 t",
    ],
    ["two braces as such", '{{"{{"}}field}} {{ a | plus: 1 }}', { a: 1 }, "{{field}} 2"],
    ["what is no tag", "{% raw %}{% if %} {{x}}{% endraw %} {{a}}", { a: 1 }, "{% if %} {{x}} 1"],
    [
      "text that looks like a template in a field",
      "{{ text | default: 1 }}",
      { text: "{{b}} {% if %}" },
      "{{b}} {% if %}",
    ],
    ["__proto__", "{% if 1 %}{{__proto__}}{% endif %}", JSON.parse('{"__proto__":"p"}') as InputRecord, "p"],
  ])("%s", async (_name, text, record, expected) => {
    expect(await filled(text, record)).toBe(expected)
  })

  it("numbers keep their digits, and are compared as numbers", async () => {
    const record = parseExactJson('{"id":9007199254740993,"price":1.50,"list":[2.0]}') as InputRecord
    expect(
      await filled(
        "{% if price > 1 and 2 > price and price == 1.5 %}{{id}} {{price}} {{ list }} {{ id | append: '!' }}{% endif %}",
        record,
      ),
    ).toBe("9007199254740993 1.50 [2.0] 9007199254740993!")
  })

  it("params fill in what an input does not have", async () => {
    expect(await filled("{{a}}{{ b | upcase }}", { a: "x" }, { a: "no", b: "y" })).toBe("xY")
  })

  it.each<[string, string, RegExp]>([
    [
      "a field that is missing",
      "{% if 1 %}{{nope}}{% endif %}",
      /^in\.jsonl:1: the prompt wants \{\{nope\}\}, but there is no such field\. There is: a\. For inputs without it: \{\{ nope \| default: "…" \}\}$/,
    ],
    ["one under a filter", "{{ nope | upcase }}", /wants \{\{nope\}\}, but there is no such field/],
    ["one of an item", "{% for r in a %}{{r.x}}{% endfor %}", /wants \{\{r\.x\}\}/],
    [
      "a tag that is not closed",
      "{% if a %}x",
      /^the prompt: tag \{% if a %\} not closed, line:1, col:1\. What is no tag/,
    ],
    ["a filter that does not exist", "{{ a | shout }}", /^the prompt: undefined filter: shout/],
    ["another file", "{% include 'secret' %}", /^in\.jsonl:1: the prompt: ENOENT: Failed to lookup "secret"/],
    [
      "a range without end",
      "{% for i in (1..30000000) %}x{% endfor %}",
      /^in\.jsonl:1: the prompt: it makes more than 20,000,000 elements or characters in its loops and filters, so it is given up\. Make its loops shorter: memory alloc limit exceeded, line:1/,
    ],
    ["what a string inherits", "{{ a.constructor | upcase }}", /wants \{\{a\.constructor\}\}/],
  ])("%s is told", async (_name, text, message) => {
    await expect(filled(text, { a: ["z"] })).rejects.toThrow(message)
  })
})

test("a prompt whose loops take too long is given up, and the next is filled", async () => {
  const list = Array.from({ length: 1000 }, (_, at) => at)
  const text = "{% for a in list %}{% for b in list %}{% for c in list %}x{% endfor %}{% endfor %}{% endfor %}"
  await expect(filled(text, { list })).rejects.toThrow(/^in\.jsonl:1: the prompt: it takes longer than 3 seconds/)
  expect(await filled(text, { list: [1] })).toBe("x")
})

test("--show prints the first prompts as they would be sent, with tokens, needs no model and leaves nothing behind", async () => {
  const folder = temporaryFolder()
  const file = join(folder, "in.jsonl")
  writeFileSync(file, '{"text":"one"}\n{"text":"two","note":"n"}\n{"text":"three"}\n')
  const prompt = "Say {{text}}{% if note %} ({{note}}){% endif %}"
  const shown = await sluice(["run", file, "-p", prompt, "-s", "Be brief.", "--show", "2"])
  expect(shown).toMatchObject({ code: 0, stderr: "" })
  expect(shown.stdout.replaceAll(folder, "")).toBe(
    "/in.jsonl:1: about 5 tokens\n[system]\nBe brief.\n[user]\nSay one\n\n/in.jsonl:2: about 6 tokens\n[system]\nBe brief.\n[user]\nSay two (n)\n\n",
  )
  const json = await sluice(["run", file, "-p", prompt, "--show", "9", "--skip", "2", "--json"])
  expect(JSON.parse(json.stdout)).toMatchObject({ messages: [{ role: "user", content: "Say three" }] })
})

test("a field that is spelt otherwise is named, and of a thousand columns only the first", async () => {
  const folder = temporaryFolder()
  const file = join(folder, "in.json")
  const asked = async (record: object, field: string): Promise<string> => {
    writeFileSync(file, JSON.stringify([record]))
    return (await sluice(["run", file, "-m", "noop:", "-p", `{{${field}}}`, "-o", join(folder, "o")])).stderr
  }
  expect(await asked({ Name: "a", Code: "b" }, "name")).toContain("There is: Name, Code. Did you mean {{Name}}?")
  expect(await asked({ review: "a", id: 1 }, "reveiw")).toContain('Did you mean "review"?')
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`column ${at}`, 1]))
  expect(await asked(wide, "text")).toContain("column 19 and 980 more. For inputs without it")
})
