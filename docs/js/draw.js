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

  /** Colours of the page instead of black on white. */
  function coloured(svg) {
    for (const part of svg.querySelectorAll("[stroke='black'], [stroke='#000000']")) part.setAttribute("stroke", "currentColor");
    for (const part of svg.querySelectorAll("[fill='black'], [fill='#000000']")) part.setAttribute("fill", "currentColor");
    for (const part of svg.querySelectorAll("text")) { part.setAttribute("fill", "currentColor"); part.removeAttribute("font-family"); }
    for (const part of svg.querySelectorAll("polygon[fill='white']")) part.setAttribute("fill", "none");
    return svg;
  }

  return async (text, alt) => {
    const figure = document.createElement("figure");
    figure.className = "graph";
    let svg;
    if (text.trimStart().startsWith("<")) {
      svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
      if (svg.nodeName !== "svg") throw new Error("the cell ends in neither DOT text nor an SVG");
      // It is the reader's own, but a page has no use for scripts in a drawing.
      svg.querySelectorAll("script, foreignObject").forEach((part) => part.remove());
      svg = document.importNode(svg, true);
    } else {
      svg = coloured((await load()).renderSVGElement(text, {graphAttributes: {bgcolor: "transparent"}}));
    }
    svg.querySelectorAll("title").forEach((part) => part.remove());
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", alt);
    figure.append(svg);
    return figure;
  };
})();
