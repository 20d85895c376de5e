import { expect, test, vi } from "vitest"
import { type OptionParameter, optionParameters } from "./option-parameters.ts"
import { callers, needed } from "./strict-callers.ts"
import { exempt, ports } from "./strict-exemptions.ts"

// Whatever a package exports that takes an object of options refuses a name that is none of them, and names the nearest one.

vi.setConfig({ testTimeout: 120_000 })

const all = optionParameters(new Set(Object.keys(ports)))
const nameOf = ({ parameter, at }: OptionParameter): string => [parameter, ...at].join(".")
const isExempt = (name: string): boolean => Object.keys(exempt).some((known) => name.includes(known))
const asked = all.filter((one) => !isExempt(nameOf(one)))
const named = [...new Set(asked.map(({ parameter }) => parameter))]

test("each parameter that takes options has a caller here, and each caller a parameter", () => {
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter((parameter) => !(parameter in callers))).toEqual([])
  expect(Object.keys(callers).filter((parameter) => !named.includes(parameter))).toEqual([])
})

test("what is exempt is there", () => {
  const unused = (known: string): boolean => !all.some((one) => nameOf(one).includes(known))
  expect(Object.keys(exempt).filter(unused)).toEqual([])
})

const tried = asked.filter(({ parameter }) => parameter in callers).map((one) => [nameOf(one), one] as const)

test.each(tried)("%s", async (_name, { parameter, at, options }) => {
  for (const option of options) {
    const misspelt = `${option[0]}_${option.slice(1)}`
    const given = at.reduceRight<object>(
      (inside, step, index) => within(step, at.slice(0, index + 1).join("."), inside),
      {
        [misspelt]: 1,
      },
    )
    const outcome = await outcomeOf(async () => await callers[parameter]!(given as never))
    expect(outcome, `${option} of ${parameter}`).toMatchObject({ code: "invalid-option" })
    const { message } = outcome as Error
    expect(message).toMatch(RegExp(`unknown option "([^"]+\\.)?${misspelt}". Did you mean "${option}"`))
  }
})

function within(step: string, path: string, inside: object): object {
  const whole = Array.isArray(inside) ? inside : { ...(needed[path] ?? needed[step]), ...inside }
  return step === "[]" ? [whole] : { [step === "{}" ? "some" : step]: whole }
}

/** What it throws, rejects with, or gives first. */
async function outcomeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    const result = await call()
    const items = result as Partial<AsyncIterable<unknown>> | undefined
    return items?.[Symbol.asyncIterator] ? await items[Symbol.asyncIterator]!().next() : result
  } catch (error) {
    return error
  }
}
