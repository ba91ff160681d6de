/* Cells: listings that run. The cells of a page share one namespace, in the order in which they stand: Run on
   one first runs those above it that haven't run since Python was started.

   Their HTML comes from docs/machinery/pagework, whose docstring describes it. */
"use strict";
self.pagework = self.pagework || {};

pagework.cells = (() => {
  const cells = [];

  function Cell(element) {
    const code = element.querySelector("pre > code");
    const listing = element.querySelector(".highlight");
    const {kind, alt} = element.dataset;
    const number = Number(element.dataset.cell);
    const original = code.textContent;
    const buttons = kind !== "static" && kind !== "hidden";
    let box = element.querySelector(".pyrun-output");
    let editor = null;
    const cell = {element, number, ran: false, name: `cell ${number}`};

    if (!box) {
      box = document.createElement("div");
      box.className = "pyrun-output";
      box.hidden = true;
      element.append(box);
    }
    const built = [...box.childNodes].map((node) => node.cloneNode(true));
    const output = pagework.output(box);
    const status = pagework.status();
    const run = pagework.button("Run", `Run cell ${number}`, () => start());
    const edit = pagework.button("Edit", `Edit cell ${number}`, () => open());
    const stop = pagework.button("Stop", `Stop cell ${number}`, () => pagework.engine.stop());
    const reset = pagework.button("Reset", `Reset cell ${number}`, () => restore());
    stop.hidden = reset.hidden = true;
    run.classList.add("py-primary");
    const lines = code.parentElement;
    lines.classList.add("py-lines");

    if (buttons) {
      const bar = document.createElement("div");
      bar.className = "py-bar";
      bar.setAttribute("role", "group");
      bar.setAttribute("aria-label", `Cell ${number}`);
      bar.append(run, stop, edit, reset, status.element);
      listing.after(bar);
    }

    const text = () => (editor ? editor.value : original);

    function mark(line) {
      if (editor) editor.mark(line);
      else pagework.mark(lines, line);
    }

    function busy(now) {
      element.classList.toggle("py-busy", now);
      run.setAttribute("aria-disabled", now);
      const focused = document.activeElement === stop;
      stop.hidden = !now;
      if (!now && focused) run.focus();
    }

    function open() {
      editor = pagework.editor(text(), `Code of cell ${number}`);
      editor.onrun = start;
      editor.onleave = () => run.focus();
      editor.oninput = () => { reset.hidden = false; };
      listing.after(editor.element);
      listing.hidden = true;
      edit.hidden = true;
      reset.hidden = false;
      editor.focus();
    }

    function restore() {
      if (element.classList.contains("py-busy")) pagework.engine.stop();
      editor?.element.remove();
      editor = null;
      listing.hidden = edit.hidden = false;
      mark(null);
      box.replaceChildren(...built.map((node) => node.cloneNode(true)));
      box.hidden = !built.length;
      reset.hidden = true;
      status.say("As it was.");
      run.focus();
    }

    /** Run this cell, and before it those that it may build on. */
    async function start() {
      // A static cell is one that needs more than a page has.
      const before = cells.filter((other) => other.number < number && !other.ran && other.element.dataset.kind !== "static");
      busy(true);
      const began = performance.now();
      try {
        for (const other of before) {
          const failed = await other.carryOut((said, ...rest) => status.say(`Cell ${other.number}: ${said}`, ...rest));
          if (failed && other.element.dataset.kind !== "raises") {
            status.say(`Cell ${other.number}, above, raised an exception; this one wasn't run.`);
            if (other.element.hidden) output.clear(), output.trace(failed);
            return;
          }
        }
        const failed = await cell.carryOut(status.say);
        const took = pagework.seconds(performance.now() - began);
        status.say(failed ? `An exception, after ${took}.` : `Done in ${took}.`);
        element.dataset.state = failed ? "raised" : "done";
      } catch (error) {
        const excuse = pagework.excuse(error, command());
        element.dataset.state = excuse ? "error" : "stopped";
        status.say(excuse ? `${excuse[0]}.` : "Stopped. Run starts Python anew.");
        box.querySelector(".py-apology")?.remove();
        if (excuse) output.show(pagework.apology(excuse));
      } finally {
        reset.hidden = false;
        busy(false);
      }
    }

    /** Run this cell alone; gives its traceback, if it raises. */
    cell.carryOut = async (say) => {
      const request = {kind: "cell", code: text(), name: cell.name, figure: kind === "figure"};
      let fresh = true;
      const clear = () => { if (fresh) { output.clear(); mark(null); fresh = false; } };
      const came = await pagework.engine.run(request, {
        say,
        began: clear,
        out: (piece) => output.print(piece),
      });
      cell.ran = true;
      if (came.trace) { output.trace(came.trace); mark(came.line); }
      if (came.left_out) output.note(`${came.left_out.toLocaleString("en")} more characters were printed than are shown here.`);
      if (came.hint) output.note(came.hint);
      if (came.drawing) output.show(await pagework.draw(came.drawing, alt || "Figure"));
      return came.trace;
    };

    const command = () => `pip install -e .   # in a clone of the project, then:\npython - <<'END'\n${
      [...cells.filter((other) => other.number < number).map((other) => other.text()), text()].join("\n\n").trim()}\nEND`;
    cell.text = text;
    cell.ended = () => {
      if (!cell.ran) return;
      cell.ran = false;
      if (!element.classList.contains("py-busy")) status.say("Python was ended since; Run starts it anew.");
    };
    return cell;
  }

  function setUp() {
    cells.length = 0;
    for (const element of document.querySelectorAll(".pyrun")) cells.push(Cell(element));
    const first = cells.find(({element}) => !["static", "hidden"].includes(element.dataset.kind));
    if (first) first.element.querySelector(".py-status [role=status]").textContent = "Run loads Python first: 13 MB, once.";
    pagework.engine.onend(() => cells.forEach((cell) => cell.ended()));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUp);
  else setUp();
  return cells;
})();
