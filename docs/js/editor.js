/* A place to edit code in.

     const editor = pagework.editor(text, label)   with .element, .value, .mark(line), .focus()
     editor.oninput, editor.onrun, editor.onleave  are called when the text changes, and for Ctrl+Enter and Esc

   Tab indents, so Esc has to lead out: nobody gets caught. */
"use strict";
self.pagework = self.pagework || {};

pagework.editor = (text, label) => {
  const INDENT = "    ";
  const element = document.createElement("div");
  element.className = "py-editor";
  const area = document.createElement("textarea");
  const help = document.createElement("p");
  help.className = "py-help";
  help.id = `py-help-${++pagework.editor.count}`;
  help.textContent = "Tab indents, Esc leaves the editor, Ctrl+Enter runs.";
  Object.assign(area, {value: text, spellcheck: false, wrap: "off", autocomplete: "off", autocapitalize: "off"});
  area.setAttribute("autocorrect", "off");
  area.setAttribute("aria-label", label);
  area.setAttribute("aria-describedby", help.id);
  const lines = document.createElement("div"); // keeps the mark in the same place as the text
  lines.className = "py-lines";
  lines.append(area);
  element.append(lines, help);

  const editor = {
    element,
    oninput: null,
    onrun: null,
    onleave: null,
    get value() { return area.value; },
    set value(value) { area.value = value; fit(); },
    focus() { area.focus(); },
    mark(line) { pagework.mark(lines, line); },
  };

  function fit() { area.rows = Math.max(2, area.value.split("\n").length); }

  function changed() {
    editor.mark(null);
    fit();
    editor.oninput?.();
  }

  /** Put text in place of what is selected, so that the browser can undo it. */
  function insert(piece) {
    if (!document.execCommand("insertText", false, piece)) {
      area.setRangeText(piece, area.selectionStart, area.selectionEnd, "end");
      changed();
    }
  }

  /** Shift the selected lines by one indent, to the right or back. */
  function shift(back) {
    const {value, selectionStart: from, selectionEnd: to} = area;
    const first = value.lastIndexOf("\n", from - 1) + 1;
    if (!back && from === to) { insert(INDENT.slice((from - first) % INDENT.length)); return; }
    const stop = value.indexOf("\n", Math.max(to - 1, from));
    const last = stop < 0 ? value.length : stop;
    const before = value.slice(first, last);
    const after = back ? before.replace(/^ {1,4}/gm, "") : before.replace(/^(?=.)/gm, INDENT);
    if (after === before) return;
    area.setSelectionRange(first, last);
    insert(after);
    if (from === to) {
      const place = Math.max(first, from - before.length + after.length);
      area.setSelectionRange(place, place);
    } else area.setSelectionRange(first, first + after.length);
  }

  area.addEventListener("input", changed);
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === "Tab" && plain) { event.preventDefault(); shift(event.shiftKey); }
    else if (event.key === "Escape") { event.preventDefault(); editor.onleave?.(); }
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); editor.onrun?.(); }
    else if (event.key === "Enter" && plain && !event.shiftKey) {
      const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
      const deeper = /:\s*(#.*)?$/.test(line) ? INDENT : "";
      event.preventDefault();
      insert(`\n${/^ */.exec(line)[0]}${deeper}`);
    }
  });
  fit();
  return editor;
};
pagework.editor.count = 0;

/** Mark a line of code, counted from 1, or none; `box` holds lines of equal height and nothing above them. */
pagework.mark = (box, line) => {
  box.querySelector(":scope > .py-mark")?.remove();
  if (!line) return;
  const mark = document.createElement("span");
  mark.className = "py-mark";
  mark.style.setProperty("--line", line - 1);
  mark.setAttribute("aria-hidden", "true");
  box.append(mark);
};
