/* Exercises: an editor with a piece of the reference in it, and the spec's own clauses to judge what the reader
   makes of it. The clauses run in the page (docs/machinery/pagework/inpage/exercises.py).

   Their HTML comes from docs/machinery/pagework, whose docstring describes it. */
"use strict";
self.pagework = self.pagework || {};

pagework.exercises = (() => {
  function element(kind, className, ...content) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  /** Text in which backticks mark code. */
  function prose(text) {
    return text.split("`").map((part, number) => (number % 2 ? element("code", "", part) : part));
  }

  function folded(summary, text) {
    const code = element("code", "", text);
    const pre = element("pre", "", code);
    pre.tabIndex = 0;
    return element("details", "py-folded", element("summary", "", summary), pre);
  }

  function Exercise(box, number) {
    const data = JSON.parse(box.querySelector(".pyexercise-data").textContent);
    const listing = box.querySelector(".highlight");
    const breaking = data.kind === "break";
    const name = `exercise ${number}: ${data.symbol}`;
    const place = Object.fromEntries(["file", "symbol", "first", "last", "indent"].map((key) => [key, data[key]]));
    const status = pagework.status();
    const results = element("ul", "py-clauses");
    const verdict = element("p", "py-verdict");
    const printed = element("div", "pyrun-output");
    const output = pagework.output(printed);
    const run = pagework.button("Run the clauses", `Run the clauses, ${name}`, () => start());
    const edit = pagework.button("Edit", `Edit ${name}`, () => { open(); editor.focus(); });
    const stop = pagework.button("Stop", `Stop, ${name}`, () => pagework.engine.stop());
    const reset = pagework.button("Reset", `Reset ${name}`, () => restore());
    const spoil = pagework.button("Break it for me", `Break it for me, ${name}`, () => put(data.broken));
    let editor = null;
    run.classList.add("py-primary");
    stop.hidden = reset.hidden = results.hidden = verdict.hidden = printed.hidden = true;
    spoil.hidden = !(breaking && data.broken);
    const bar = element("div", "py-bar", run, stop, edit, spoil, reset, status.element);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", name);
    listing.after(bar, verdict, results, printed);
    const lines = listing.querySelector("pre");
    lines.classList.add("py-lines");

    const text = () => (editor ? editor.value : data.start);

    function open() {
      if (editor) return;
      editor = pagework.editor(data.start, `Code of ${name}`);
      editor.onrun = start;
      editor.onleave = () => run.focus();
      editor.oninput = () => { reset.hidden = false; };
      listing.after(editor.element);
      lines.hidden = true;
      edit.hidden = true;
      reset.hidden = false;
    }

    function put(other) {
      open();
      editor.value = other;
      editor.focus();
      status.say("The fault is in the editor now.");
    }

    function clear() {
      results.replaceChildren();
      output.clear();
      results.hidden = verdict.hidden = true;
      if (editor) editor.mark(null);
      else pagework.mark(lines, null);
    }

    function restore() {
      if (box.classList.contains("py-busy")) pagework.engine.stop();
      editor?.element.remove();
      editor = null;
      lines.hidden = edit.hidden = false;
      clear();
      reset.hidden = true;
      status.say("As it was.");
      run.focus();
    }

    function busy(now) {
      box.classList.toggle("py-busy", now);
      run.setAttribute("aria-disabled", now);
      const focused = document.activeElement === stop;
      stop.hidden = !now;
      if (!now && focused) run.focus();
    }

    function clause(asked) {
      const words = {pass: "holds", fail: "broken", "not-run": "not asked"};
      const kinds = {pass: "py-right", "not-run": "py-open"};
      const sign = element("span", "py-sign", words[asked.status] || asked.status);
      const item = element("li", kinds[asked.status] || "py-wrong", sign, " ", element("code", "", asked.id));
      if (asked.cases && asked.status === "pass") item.append(` in ${asked.cases} cases`);
      if (asked.level === "SHOULD") item.append(" (a SHOULD)");
      if (asked.note) item.append(`: ${asked.note}`);
      if (asked.blocked_by.length) item.append(", but that rests on ", element("code", "", asked.blocked_by[0]));
      else if (asked.counterexample) item.append(told(asked));
      return item;
    }

    function told(asked) {
      const part = element("div", "py-told", element("blockquote", "", element("p", "", ...prose(asked.sentence))));
      const {counterexample} = asked;
      part.append(...counterexample.text.map((sentence) => element("p", "", sentence)));
      const searched = counterexample.found_by === "explore";
      if (searched) part.append(element("p", "py-how", "Hypothesis found this, and shrank it until nothing simpler failed."));
      part.append(folded("As dlspec reports it", counterexample.lines.join("\n")));
      if (counterexample.script) part.append(folded("A program that shows it", counterexample.script));
      return part;
    }

    function show(asked) {
      results.hidden = false;
      results.append(clause(asked));
    }

    function judged(came) {
      results.replaceChildren(...came.clauses.map(clause));
      const failed = came.clauses.filter((asked) => !["pass", "not-run"].includes(asked.status));
      const line = came.line || failed.map((asked) => asked.counterexample?.line).find(Boolean);
      if (editor) editor.mark(line);
      else pagework.mark(lines, line);
      if (came.trace) output.trace(came.trace);
      verdict.replaceChildren();
      if (came.trace) verdict.append("Python couldn't use this text, so no clause was asked.");
      else if (!failed.length) {
        verdict.append(breaking ? "Every clause holds: nothing is broken yet." : "Every clause holds: that's it.");
      } else {
        const mistakes = [...new Set(failed.map((asked) => asked.mistake).filter(Boolean))];
        const count = failed.length === 1 ? "A clause doesn't hold" : `${failed.length} clauses don't hold`;
        verdict.append(breaking ? `${count}: you broke it, and the spec noticed.` : `${count} yet.`);
        if (mistakes.length) verdict.append(` It looks as if: ${mistakes.join(", or ")}.`);
      }
      verdict.hidden = false;
      return verdict.textContent;
    }

    async function start() {
      busy(true);
      const began = performance.now();
      try {
        const request = {kind: "judge", place, text: text(), clauses: data.clauses};
        const came = await pagework.engine.run(request, {
          say: status.say,
          began: clear,
          out: (piece) => output.print(piece),
          report: show,
        });
        const said = judged(came);
        if (came.left_out) output.note(`${came.left_out.toLocaleString("en")} more characters were printed than are shown here.`);
        status.say(`${said.split(":")[0].replace(/\.$/, "")} (${pagework.seconds(performance.now() - began)}).`);
        box.dataset.state = came.passes ? "passed" : "failed";
      } catch (error) {
        const excuse = pagework.excuse(error, command());
        box.dataset.state = excuse ? "error" : "stopped";
        status.say(excuse ? `${excuse[0]}.` : "Stopped. Run starts Python anew.");
        printed.querySelector(".py-apology")?.remove();
        if (excuse) output.show(pagework.apology(excuse));
      } finally {
        reset.hidden = false;
        busy(false);
      }
    }

    function command() {
      const only = data.clauses.map((pattern) => `--only '${pattern}'`).join(" ");
      const edited = `# after changing ${data.symbol} in src/deeplearning_framework/${data.file}:\n`;
      return `${edited}dlspec verify deeplearning_framework ${only}`;
    }

    if (!breaking) open();
  }

  function setUp() {
    document.querySelectorAll(".pyexercise").forEach((box, index) => Exercise(box, index + 1));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUp);
  else setUp();
})();
