/* Draws what a cell hands over: an SVG as it is, DOT text by Graphviz, which is loaded when it is first needed. */
"use strict";
self.pagework = self.pagework || {};

pagework.draw = (() => {
  const place = new URL("../assets/vendor/viz-global.js", document.currentScript.src).href;
  let graphviz = null;

  function load() {
    graphviz = graphviz || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = place;
      script.onload = () => resolve(self.Viz.instance());
      script.onerror = () => { graphviz = null; reject(new pagework.Missing("Graphviz can't be loaded")); };
      document.head.append(script);
    });
    return graphviz;
  }

  /** In the colour of the text, and without titles and ids, as when the site is built (rendering.py). */
  function recoloured(svg) {
    for (const name of ["stroke", "fill"]) {
      for (const part of svg.querySelectorAll(`[${name}=black], [${name}="#000000"]`)) part.setAttribute(name, "currentColor");
    }
    svg.querySelectorAll("title").forEach((part) => part.remove());
    svg.querySelectorAll("g[id], a[id]").forEach((part) => part.removeAttribute("id"));
    svg.setAttribute("fill", "currentColor");
    return svg;
  }

  function parsed(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    const svg = template.content.querySelector("svg");
    if (!svg) throw new Error("the cell ends in neither DOT text nor an SVG");
    return document.importNode(svg, true);
  }

  return async (text, alt) => {
    const figure = document.createElement("figure");
    figure.className = "graph";
    const svg = text.trimStart().startsWith("<")
      ? parsed(text)
      : recoloured((await load()).renderSVGElement(text, {
        graphAttributes: {bgcolor: "transparent"},
        nodeAttributes: {fontname: "Helvetica"},
        edgeAttributes: {fontname: "Helvetica"},
      }));
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", alt);
    figure.append(svg);
    return figure;
  };
})();
