/* The playground: an editor, and beside it what the program shows: its output, the graph behind a tensor with the
   way back through it, curves, and what a model says over a square.

   The examples are the hidden cells of the page, which run when the site is built. */
"use strict";
self.pagework = self.pagework || {};

pagework.playground = (() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const SVG = "http://www.w3.org/2000/svg";

  function element(kind, className, ...content) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  function drawn(kind, attributes) {
    const made = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  const short = (number) => Number(number.toPrecision(4)).toLocaleString("en", {maximumSignificantDigits: 4});

  function panel(title, ...content) {
    const part = element("section", "py-panel", element("h2", "", title), ...content);
    part.hidden = true;
    return part;
  }

  /** Curves over the steps; the numbers stand below, and are what the picture says in words. */
  function Curves() {
    const [width, height, left, below] = [480, 220, 52, 24];
    const svg = drawn("svg", {viewBox: `0 0 ${width} ${height}`, role: "img"});
    const said = element("figcaption", "");
    const part = panel("Curves", element("figure", "py-curves", svg, said));

    function show({curves, steps}) {
      const names = Object.keys(curves).filter((name) => curves[name].length);
      const all = names.flatMap((name) => curves[name].map(([, value]) => value));
      if (!all.length) return;
      const low = Math.min(0, ...all);
      const high = Math.max(...all);
      const x = (step) => left + ((width - left - 8) * step) / Math.max(1, steps - 1);
      const y = (value) => height - below - ((height - below - 10) * (value - low)) / (high - low || 1);
      svg.replaceChildren();
      for (const value of [low, (low + high) / 2, high]) {
        svg.append(drawn("line", {x1: left, x2: width - 8, y1: y(value), y2: y(value), class: "py-grid"}));
        const label = drawn("text", {x: left - 6, y: y(value) + 4, "text-anchor": "end"});
        label.textContent = short(value);
        svg.append(label);
      }
      const end = drawn("text", {x: width - 8, y: height - 6, "text-anchor": "end"});
      end.textContent = `step ${(steps - 1).toLocaleString("en")}`;
      svg.append(end);
      names.forEach((name, number) => {
        const points = curves[name].map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
        svg.append(drawn("polyline", {points, class: `py-line py-line-${number % 4}`}));
      });
      const words = names.map((name) => {
        const points = curves[name];
        return `${name} from ${short(points[0][1])} to ${short(points[points.length - 1][1])}`;
      });
      said.textContent = `In ${steps.toLocaleString("en")} steps: ${words.join(", ")}.`;
      svg.setAttribute("aria-label", said.textContent);
      part.hidden = false;
    }

    return {part, show, clear() { part.hidden = true; }};
  }

  /** What a model says over a square, blue to white to orange. */
  function Surface() {
    const canvas = element("canvas", "");
    const said = element("figcaption", "");
    const part = panel("The model over the square", element("figure", "py-surface", canvas, said));
    canvas.setAttribute("role", "img");
    const BLUE = [37, 99, 235];
    const ORANGE = [234, 88, 12];

    function show({surface, side, low, high}) {
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      const image = context.createImageData(side, side);
      surface.forEach((value, index) => {
        const column = index % side;
        const row = side - 1 - Math.floor(index / side); // the second input grows upwards
        const share = Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0.5;
        const end = share < 0.5 ? BLUE : ORANGE;
        const strength = Math.abs(share - 0.5) * 2;
        end.forEach((part, channel) => {
          image.data[4 * (row * side + column) + channel] = 255 - (255 - part) * strength;
        });
        image.data[4 * (row * side + column) + 3] = 255;
      });
      context.putImageData(image, 0, 0);
      const at = (first, second) => {
        const place = (value) => Math.round(((value - low) / (high - low)) * (side - 1));
        return surface[place(second) * side + place(first)];
      };
      const corners = low <= 0 && high >= 1
        ? [[0, 0], [0, 1], [1, 0], [1, 1]].map(([a, b]) => `${short(at(a, b))} at (${a}, ${b})`)
        : [];
      const range = `Both inputs go from ${short(low)} to ${short(high)}; blue is 0 and less, orange is 1 and more.`;
      said.textContent = corners.length ? `${range} About ${corners.join(", ")}.` : range;
      canvas.setAttribute("aria-label", `What the model says over the square. ${said.textContent}`);
      part.hidden = false;
    }

    return {part, show, clear() { part.hidden = true; }};
  }

  /** The graph behind a tensor, and the way back through it. */
  function Graph(choose) {
    const names = element("select", "");
    const label = element("label", "py-choice", "Behind ", names);
    const place = element("div", "py-graph");
    const said = element("p", "py-note");
    said.setAttribute("role", "status");
    const first = pagework.button("Whole graph", "", () => go(0));
    const back = pagework.button("Step back", "", () => go(now + 1));
    const undo = pagework.button("Undo the step", "", () => go(now - 1));
    const bar = element("div", "py-bar", label, back, undo, first);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "The graph");
    const part = panel("The graph", bar, said, place);
    place.tabIndex = 0; // it may be wider than its place
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", "Picture of the graph");
    let graph = null;
    let now = 0;
    names.addEventListener("change", () => choose(names.value));

    async function go(step) {
      now = Math.min(Math.max(step, 0), graph.pictures.length - 1);
      const last = graph.pictures.length - 1;
      back.setAttribute("aria-disabled", now >= last);
      undo.setAttribute("aria-disabled", now === 0);
      first.setAttribute("aria-disabled", now === 0);
      const words = now === 0
        ? `${last ? `${last - 1} steps lead back from ${graph.chosen}. ` : ""}${graph.note}`
        : now === 1 ? `Back from ${graph.chosen}: its own cotangent. ${graph.note}`
          : `Step ${now - 1} of ${last - 1}${now === last ? ": everything has arrived" : ""}.`;
      said.textContent = words;
      said.hidden = !words;
      if (!graph.pictures.length) { place.replaceChildren(); place.hidden = true; return; }
      const asked = graph.pictures[now];
      const figure = await pagework.draw(asked, `The graph behind ${graph.chosen}. ${words}`);
      if (graph?.pictures[now] !== asked) return;
      place.replaceChildren(figure);
      place.hidden = false;
    }

    async function show(found) {
      graph = found;
      names.replaceChildren(...found.names.map((name) => new Option(name, name, false, name === found.chosen)));
      label.hidden = !found.names.length;
      const steps = found.pictures.length > 1;
      back.hidden = undo.hidden = first.hidden = !steps;
      part.hidden = !found.names.length;
      await go(0);
    }

    return {part, show, clear() { part.hidden = true; graph = null; }};
  }

  function Playground(box) {
    const examples = [...document.querySelectorAll(".pyrun[data-kind=hidden] pre > code")].map((code) => {
      const [title, ...rest] = code.textContent.split("\n");
      return {title: title.replace(/^#\s*/, ""), code: rest.join("\n").trim() + "\n"};
    });
    let example = examples[0];
    const editor = pagework.editor(example.code, "Program");
    const status = pagework.status();
    const printed = element("div", "pyrun-output");
    const output = pagework.output(printed);
    printed.hidden = true;
    const curves = Curves();
    const surface = Surface();
    const graph = Graph((name) => choose(name));
    const run = pagework.button("Run", "Run the program", () => start());
    const stop = pagework.button("Stop", "Stop the program", () => pagework.engine.stop());
    const reset = pagework.button("Reset", "Reset the program", () => { put(example); run.focus(); });
    run.classList.add("py-primary");
    stop.hidden = true;
    const choices = element("div", "py-bar", element("span", "", "Examples: "), ...examples.map((each) =>
      pagework.button(each.title, `Example: ${each.title}`, () => put(each))));
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", "Examples");
    const bar = element("div", "py-bar", run, stop, reset, status.element);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Program");
    const left = element("div", "py-program", choices, editor.element, bar, printed);
    const right = element("div", "py-pictures", graph.part, curves.part, surface.part);
    box.replaceChildren(left, right);
    editor.onrun = start;
    editor.onleave = () => run.focus();
    status.say("Run loads Python first: 13 MB, once.");
    let last = null;

    function put(each) {
      if (box.classList.contains("py-busy")) pagework.engine.stop();
      example = each;
      editor.value = each.code;
      editor.mark(null);
      clear();
      status.say(`Example: ${each.title}.`);
    }

    function clear() {
      output.clear();
      for (const part of [graph, curves, surface]) part.clear();
      last = {};
    }

    /** What is drawn while it runs; whoever wants no motion is shown the end. */
    function seen(picture) {
      Object.assign(last, picture);
      if (!still.matches) draw(picture);
    }

    function draw(picture) {
      if (picture.curves) curves.show(picture);
      if (picture.surface) surface.show(picture);
    }

    function busy(now) {
      box.classList.toggle("py-busy", now);
      run.setAttribute("aria-disabled", now);
      const focused = document.activeElement === stop;
      stop.hidden = !now;
      if (!now && focused) run.focus();
    }

    function excused(error) {
      const excuse = pagework.excuse(error, `pip install -e .   # in a clone of the project, then:\npython - <<'END'\n${
        editor.value.replace(/^from pagework\.live.*\n/m, "").replace(/^ *(curve|surface)\(.*\n/gm, "").trim()}\nEND`);
      box.dataset.state = excuse ? "error" : "stopped";
      status.say(excuse ? `${excuse[0]}.` : "Stopped. Run starts Python anew.");
      printed.querySelector(".py-apology")?.remove();
      if (excuse) output.show(pagework.apology(excuse));
    }

    async function start() {
      if (run.getAttribute("aria-disabled") === "true") return;
      busy(true);
      const began = performance.now();
      try {
        const came = await pagework.engine.run({kind: "play", code: editor.value}, {
          say: status.say,
          began: clear,
          out: (piece) => output.print(piece),
          report: seen,
        });
        const took = pagework.seconds(performance.now() - began);
        draw(last);
        if (came.trace) { output.trace(came.trace); editor.mark(came.line); }
        if (came.left_out) output.note(`${came.left_out.toLocaleString("en")} more characters were printed than are shown here.`);
        if (came.hint) output.note(came.hint);
        status.say(came.trace ? `An exception, after ${took}.` : `Done in ${took}.`);
        await graph.show(came.graph);
        box.dataset.state = came.trace ? "raised" : "done";
      } catch (error) {
        excused(error);
      } finally {
        busy(false);
      }
    }

    async function choose(name) {
      try {
        await graph.show(await pagework.engine.run({kind: "graph", name}, {say: () => {}}));
      } catch (error) {
        excused(error);
      }
    }

    pagework.engine.onend(() => graph.clear());
  }

  function setUp() {
    const box = document.querySelector(".playground");
    if (box) Playground(box);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUp);
  else setUp();
})();
