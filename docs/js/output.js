/* Where a program's output is shown: text as it comes, a traceback, a drawing, a note. */
"use strict";
self.pagework = self.pagework || {};

pagework.output = (element) => {
  let text = null;

  function add(kind, content) {
    const part = document.createElement(kind);
    part.append(content);
    element.append(part);
    element.hidden = false;
    return part;
  }

  function block() {
    const pre = add("pre", "");
    pre.tabIndex = 0; // it may scroll, and the keyboard has to reach it
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", "Output");
    const samp = document.createElement("samp");
    pre.append(samp);
    return samp;
  }

  return {
    clear() { element.replaceChildren(); element.hidden = true; text = null; },
    print(piece) {
      text = text || block();
      text.append(piece);
    },
    trace(trace) {
      text = null;
      const samp = block();
      samp.className = "py-trace";
      samp.textContent = trace;
    },
    note(sentence) { add("p", sentence).className = "py-note"; },
    show(node) { text = null; element.append(node); element.hidden = false; },
  };
};
