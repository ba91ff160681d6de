/* What the page says to the reader: the status beside the buttons, and messages where something can't be done. */
"use strict";
self.pagework = self.pagework || {};

/** A status that is read out, and a bar that shows how far loading has come. */
pagework.status = () => {
  const element = document.createElement("span");
  element.className = "py-status";
  const words = document.createElement("span");
  words.setAttribute("role", "status");
  const bar = document.createElement("progress");
  bar.hidden = true;
  bar.max = 1;
  bar.setAttribute("aria-label", "Loading");
  element.append(bar, words);
  return {
    element,
    /** Say something; with a fraction, show how much of it is done. Only what is new in kind is read out. */
    say(text, fraction) {
      const loading = fraction !== undefined;
      bar.hidden = !loading;
      if (loading) bar.value = fraction;
      if (!loading || fraction === 0) words.textContent = text;
    },
  };
};

/** What went wrong with the engine, for the reader: [heading, explanation, what to type in a terminal]. */
pagework.excuse = (error, command) => {
  if (error instanceof pagework.Stopped) return null;
  if (error instanceof pagework.Missing) {
    return ["Python is not part of this copy of the site",
      `${error.message}. Building the site with “nox -s serve” brings it along. Without it, in a terminal:`, command];
  }
  if (error instanceof pagework.TooOld) {
    return ["This browser can't run Python in a page",
      `It has no ${error.message}. A Firefox, Chrome, Edge or Safari of 2024 or later has. In a terminal:`, command];
  }
  if (error instanceof pagework.Died) {
    return ["Python has ended by itself",
      `${error.message}. Run starts it anew; what the cells had computed is gone.`, null];
  }
  return ["Something in this page has gone wrong", String(error && (error.stack || error.message || error)), command];
};

/** The same as an element. */
pagework.apology = ([heading, explanation, command]) => {
  const box = document.createElement("div");
  box.className = "py-apology";
  const head = document.createElement("strong");
  head.textContent = `${heading}. `;
  const text = document.createElement("p");
  text.append(head, explanation);
  box.append(text);
  if (command) {
    const pre = document.createElement("pre");
    const code = document.createElement("code");
    code.textContent = command;
    pre.tabIndex = 0;
    pre.append(code);
    box.append(pre);
  }
  return box;
};

/** `0.31 s` */
pagework.seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(milliseconds < 10000 ? 2 : 0)} s`;

/** A button. */
pagework.button = (text, label, press) => {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "py-button";
  element.textContent = text;
  if (label) element.setAttribute("aria-label", label);
  element.addEventListener("click", () => {
    if (element.getAttribute("aria-disabled") !== "true") press();
  });
  return element;
};
