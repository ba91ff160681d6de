// Typesets formulas and draws graphs for pages that are being made: a question a line, an answer a line, as JSON.
// Its argument is the folder of the packages that it needs.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const katex = require("katex");
let viz = null;

const answers = {
  math({ text, display }) {
    return katex.renderToString(text, { displayMode: display, throwOnError: true, strict: "error" });
  },
  async graph({ text }) {
    viz ??= await require("@viz-js/viz").instance();
    const result = viz.render(text, {
      format: "svg",
      graphAttributes: { bgcolor: "transparent" },
      nodeAttributes: { fontname: "Helvetica" },
      edgeAttributes: { fontname: "Helvetica" },
    });
    const trouble = result.errors.map((error) => error.message);
    if (result.status !== "success" || trouble.length) throw new Error(trouble.join("; ") || "it can't be drawn");
    return result.output;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const question = JSON.parse(line);
    answer = { made: await answers[question.kind](question) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
