/* The program of the worker, in which Python runs. It is never called here: its text becomes the worker, since
   a page on a disk can load a worker from nowhere else (engine.js).

     to it     {start: files}, {run: request, id}, {files, id}, {ping}
     from it   {ready}, {need: names, id}, {out, id}, {report, id}, {done, id}, {died, id}, {pong} */
"use strict";
self.pagework = self.pagework || {};

pagework.worker = function () {
  const SITE = "/lib/python3.14/site-packages";
  const BASE = "https://embedded.invalid/"; // never asked: `fetch` below answers from memory
  let python = null;
  let bridge = null;
  let arrived = null; // takes the files that a request waits for
  const have = new Set();

  const link = (bytes) => URL.createObjectURL(new Blob([bytes], {type: "text/javascript"}));

  async function start(files) {
    const byName = Object.fromEntries(files.map((file) => [file.name, file]));
    self.fetch = async (asked) => {
      const file = byName[String(asked.url || asked).split("/").pop()];
      if (!file) throw new TypeError("a page asks nobody for anything: there is no network here");
      const type = file.name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
      return new Response(file.bytes, {headers: {"content-type": type}});
    };
    const {loadPyodide} = await import(link(byName["pyodide.mjs"].bytes));
    const createPyodideModule = (await import(link(byName["pyodide.asm.mjs"].bytes))).default;
    python = await loadPyodide({
      indexURL: BASE,
      packageBaseUrl: BASE,
      createPyodideModule,
      lockFileContents: JSON.parse(new TextDecoder().decode(byName["pyodide-lock.json"].bytes)),
      stdin: () => null, // input() says that there is none
      env: {PYTHONHASHSEED: "0", COLUMNS: "80", NO_COLOR: "1"},
    });
    await python.loadPackage("numpy", {messageCallback() {}});
    unpack(files);
    bridge = python.pyimport("pagework.inpage.bridge");
  }

  function unpack(files) {
    for (const {name, kind, bytes} of files) {
      if (kind !== "file") python.unpackArchive(bytes, kind, {extractDir: SITE});
    }
    python.pyimport("importlib").invalidate_caches();
  }

  async function run(request, id) {
    const names = JSON.parse(bridge.needed(request)).filter((name) => !have.has(name));
    if (names.length) {
      postMessage({need: names, id});
      const files = await new Promise((resolve) => { arrived = resolve; });
      if (!files) return; // they couldn't be had, and the page has said so
      unpack(files);
      names.forEach((name) => have.add(name));
      postMessage({began: true, id});
    }
    const send = (out) => postMessage({out, id});
    const report = (text) => postMessage({report: text, id});
    postMessage({done: bridge.carry_out(request, send, report), id});
  }

  self.onmessage = async ({data}) => {
    try {
      if (data.ping) postMessage({pong: true});
      else if (data.start) { await start(data.start); postMessage({ready: true}); }
      else if ("files" in data) arrived(data.files);
      else await run(data.run, data.id);
    } catch (error) {
      // Python catches what is the reader's; what comes here is the end of Python itself.
      postMessage({died: String((error && error.message) || error), id: data.id});
    }
  };
};
