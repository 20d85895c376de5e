import { displayKeys } from "./display-keys.ts"

/** What somebody wants to do, how, and the options that belong to it. */
export interface HelpPage {
  readonly name: string
  readonly about: string
  /** Each runs as it stands, in a folder with `reviews.csv`, `chats.jsonl`, `schema.json` and two prompt files; the tests do that. */
  readonly examples: readonly { readonly does: string; readonly command: string }[]
  readonly text: string
  /** Of `sluice run`, by their long names. */
  readonly options: readonly string[]
  /** Of these headings, all options that no page names. */
  readonly headings?: readonly string[]
}

/** One for each task, in the order in which a new user meets them. Models are `lab:`, which needs no key: put your own there. */
export const helpPages: readonly HelpPage[] = [
  {
    name: "start",
    about: "a first run, and how it goes on after Ctrl-C",
    examples: [
      {
        does: "ask about every row; {{text}} is a column",
        command: `sluice run reviews.csv -p "Is this kind? {{text}}" -m lab: -o kind.jsonl`,
      },
      {
        does: "what it would take, spending nothing",
        command: `sluice plan reviews.csv -p "Is this kind? {{text}}" -m lab:`,
      },
      { does: "what came of it", command: "sluice inspect kind.jsonl" },
    ],
    text: "Stop a run with Ctrl-C, or lose the machine: the same command goes on where it was, and asks nothing twice.",
    options: ["--prompt", "--model", "--out"],
  },
  {
    name: "inputs",
    about: "which files and which of their rows",
    examples: [
      {
        does: "the first two German rows",
        command: `sluice run reviews.csv --where 'lang = de' --limit 2 -p "{{text}}" -m lab: -o de.jsonl`,
      },
      {
        does: "three rows by lot, the same ones each time",
        command: `sluice run reviews.csv --sample 3 --seed 7 -p "{{text}}" -m lab: -o sample.jsonl`,
      },
      {
        does: "from another program, a JSON object a line",
        command: `head -2 chats.jsonl | sluice run - -m lab: -o piped.jsonl`,
      },
      { does: "each file one input", command: `sluice run "*.txt" -p "In one line: {{text}}" -m lab: -o files.jsonl` },
    ],
    text: "Name each row by a column of its own (--key id), and answers follow it when rows move.",
    options: [
      "--format",
      "--encoding",
      "--delimiter",
      "--key",
      "--only",
      "--where",
      "--skip",
      "--sample",
      "--seed",
      "--limit",
      "--follow-links",
    ],
  },
  {
    name: "prompts",
    about: "what is asked, and how to see it before it is sent",
    examples: [
      {
        does: "see the first two prompts with their tokens; asks nothing",
        command: `sluice run reviews.csv --show 2 -s "You are brief." -p "Is this kind? {{text}}"`,
      },
      {
        does: "a default, and a value for all rows",
        command: `sluice run reviews.csv -p '{{title | default: "(no title)"}}: {{text}} {{tone}}' --param tone=kindly -m lab: -o tone.jsonl`,
      },
      { does: "each input has its own messages", command: "sluice run chats.jsonl -m lab: -o chats-answered.jsonl" },
      {
        does: "a prompt of several lines",
        command: "sluice run reviews.csv --prompt-file short.txt -m lab: -o filed.jsonl",
      },
    ],
    text: "{{field}} is the input's; tags and filters are Liquid's.",
    options: ["--prompt", "--prompt-file", "--system", "--system-file", "--messages", "--param", "--show"],
    headings: ["Question:"],
  },
  {
    name: "models",
    about: "which model, how it is set, and several of them compared",
    examples: [
      {
        does: "settings, each vendor's in its own words",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --temperature 0 --max-output-tokens 200 -o set.jsonl`,
      },
      {
        does: "two models, a column for each, a table at the end",
        command: `sluice run reviews.csv -p "Is this kind? {{text}}" -m lab:small -m lab:large -o compared.jsonl`,
      },
      {
        does: "two prompts, likewise",
        command: `sluice run reviews.csv --prompt-file short.txt long.txt -m lab: -o prompts.jsonl`,
      },
    ],
    text: "Keys come from the environment, or from .env here: OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_GENERATIVE_AI_API_KEY, SLUICE_API_KEY.",
    options: [
      "--model",
      "--base-url",
      "--config",
      "--max-output-tokens",
      "--temperature",
      "--top-p",
      "--model-seed",
      "--stop",
      "--reasoning-effort",
      "--option",
    ],
    headings: ["Model:"],
  },
  {
    name: "answers",
    about: "answers of one form, and answers that are checked",
    examples: [
      {
        does: "objects that fit a schema; columns of their own",
        command: `sluice run chats.jsonl --schema schema.json -m lab: -o objects.jsonl`,
      },
      {
        does: "an answer that fails a check stays; exit code 4",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --assert 'not-contains sorry' --assert 'matches /\\w/' -o checked.jsonl`,
      },
    ],
    text: "Checks are no part of the question: with others, the answers that are there are checked anew.",
    options: ["--schema", "--attempts", "--assert", "--accept-truncated"],
  },
  {
    name: "limits",
    about: "how fast, how much money, until when",
    examples: [
      {
        does: "as the vendor's quota says",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --rpm 6000 --tpm 900000 --budget-usd 5 -o paced.jsonl`,
      },
      {
        does: "no more than two at once, and not after two hours",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --concurrency 2 --deadline 2h -o two.jsonl`,
      },
    ],
    text: "What you leave out is learned from the vendor's answers.",
    options: [
      "--rpm",
      "--tpm",
      "--itpm",
      "--otpm",
      "--rpd",
      "--concurrency",
      "--budget-usd",
      "--deadline",
      "--timeout-s",
      "--redis",
    ],
    headings: ["Limits (none: learned from the vendor's answers):", "Plan:"],
  },
  {
    name: "batches",
    about: "half the price, within a day",
    examples: [
      {
        does: "by the vendor's batch API",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --lane batch -o batched.jsonl`,
      },
    ],
    text: "Ctrl-C leaves a batch at the vendor; the same command collects it. --lane auto --deadline 2h asks online for what is missing by then.",
    options: ["--lane", "--deadline"],
  },
  {
    name: "results",
    about: "what a line holds, and other formats",
    examples: [
      {
        does: "chosen fields",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: --fields id,output,usd,latencyMs -o fields.jsonl`,
      },
      { does: "a table for a spreadsheet", command: `sluice run reviews.csv -p "{{text}}" -m lab: -o table.csv` },
      { does: "of a run that is there", command: "sluice export fields.jsonl --format csv > fields.csv" },
      { does: "all that is known of one item", command: "sluice inspect fields.jsonl --key 1" },
      {
        does: "what two runs answered otherwise; exit code 1 when something differs",
        command: "sluice diff fields.jsonl fields.jsonl",
      },
    ],
    text: "Failed inputs are in OUT.failed.jsonl, with the error of every attempt.",
    options: ["--out", "--fields", "--as-completed"],
    headings: ["Input and output:"],
  },
  {
    name: "resume",
    about: "the journal, and asking again",
    examples: [
      { does: "a run", command: `sluice run reviews.csv -p "Say {{text}}" -m lab: -o resumed.jsonl` },
      {
        does: "the same again: only what is new or open is asked",
        command: `sluice run reviews.csv -p "Say {{text}}" -m lab: -o resumed.jsonl`,
      },
      {
        does: "and what has failed",
        command: `sluice run reviews.csv -p "Say {{text}}" -m lab: -o resumed.jsonl --retry-failed`,
      },
      {
        does: "another question, which asks everything again",
        command: `sluice run reviews.csv -p "Say: {{text}}" -m lab: -o resumed.jsonl --accept-changes`,
      },
      { does: "every run that is recorded here", command: "sluice runs" },
    ],
    text: "",
    options: [],
    headings: ["Journal:"],
  },
  {
    name: "watch",
    about: "a run that goes on, seen from elsewhere",
    examples: [
      { does: "what runs on this machine", command: "sluice ps" },
      {
        does: "events for another program",
        command: `sluice run reviews.csv -p "{{text}}" -m lab: -o told.jsonl --json 2> events.jsonl`,
      },
    ],
    text: `\`sluice attach\` shows the display of a run that another terminal carries out; \`--ui\` a page in the browser. ${displayKeys}.`,
    options: [],
    headings: ["Display:"],
  },
]
