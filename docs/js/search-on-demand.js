/* The index of the search is heavier than any page, and the theme asks for it on each of them. Over http the request
   waits until somebody turns to the search. On a disk the index is a script, and costs nobody anything. */
"use strict";
{
  const wanted = new Promise((turned) => {
    if (new URLSearchParams(location.search).has("q")) turned();
    document.addEventListener("focusin", (event) => {
      if (event.target.closest(".md-search")) turned();
    });
  });

  const { open, send } = XMLHttpRequest.prototype;
  const waiting = new WeakSet();
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (String(url).endsWith("/search/search_index.json")) waiting.add(this);
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (!waiting.has(this)) return send.call(this, body);
    wanted.then(() => send.call(this, body));
  };
}
