/* The engine: one Python for the page, in a worker. It is loaded when somebody first runs something, and
   started anew after a Stop.

     pagework.engine.run(request, {say, out, report})   gives what came of it; throws Stopped, Died, Missing
     pagework.engine.stop()                             ends Python at once
     pagework.engine.onend(f)                           f is called whenever Python has ended: all state is gone */
"use strict";
self.pagework = self.pagework || {};

/** The reader pressed Stop. */
pagework.Stopped = class extends Error {};
/** Python ended by itself. */
pagework.Died = class extends Error {};
/** The browser can't do it. */
pagework.TooOld = class extends Error {};

pagework.engine = (() => {
  const AWAKE = 5000; // milliseconds in which a worker that does nothing answers
  const ended = [];
  let worker = null;
  let ready = null; // promise of a worker that has Python in it
  let current = null; // what is being run: {id, ask, resolve, reject}
  let queue = Promise.resolve();
  let waiting = 0;
  let generation = 0; // of Python; a request that was queued for an earlier one is dropped
  let last = 0;
  let pong = null;
  let abandon = null; // ends the wait for a Python that is being loaded

  const megabytes = (bytes) => (bytes < 1e6 ? "under 1 MB" : `${Math.round(bytes / 1e6)} MB`);

  /** What this browser lacks, or null. */
  function lacking() {
    if (typeof WebAssembly !== "object") return "WebAssembly";
    if (typeof DecompressionStream !== "function") return "DecompressionStream";
    if (typeof Worker !== "function") return "workers";
    let modules = false;
    try {
      const options = {get type() { modules = true; return "module"; }};
      new Native("data:text/javascript,", options).terminate();
    } catch {
      return "workers";
    }
    return modules ? null : "module workers";
  }

  // On a disk the search brings a stand-in for Worker; keep-worker.js has kept the browser's own.
  const Native = self.nativeWorker || self.Worker;

  async function loaded(names, say, what) {
    const total = await pagework.bundles.size(names);
    let done = 0;
    if (total) say(`Loading ${what}: ${megabytes(total)}, once for this page…`, 0);
    return pagework.bundles.load(names, (bytes) => {
      done += bytes;
      say(`Loading ${what}: ${Math.round(done / 1e6)} of ${megabytes(total)}…`, done / total);
    });
  }

  function begin(say) {
    if (ready) return ready;
    const stopped = new Promise((_, reject) => { abandon = reject; });
    const promise = Promise.race([start(say, generation), stopped]);
    ready = promise;
    promise.catch(() => { if (ready === promise) { worker?.terminate(); worker = null; ready = null; } });
    return promise;
  }

  async function start(told, born) {
    const say = (...words) => { if (born === generation) told(...words); };
    const lacks = lacking();
    if (lacks) throw new pagework.TooOld(lacks);
    const files = await loaded(["core", "package"], say, "Python and NumPy");
    if (born !== generation) return; // stopped while it was loading; what has come is kept
    say("Starting Python…");
    const text = `(${pagework.worker})()`;
    const made = new Native(`data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`, {type: "module"});
    worker = made;
    await new Promise((resolve, reject) => {
      made.onmessage = ({data}) => {
        if (data.ready) resolve();
        else if (data.died) reject(new pagework.Died(data.died));
      };
      made.onerror = (event) => reject(new pagework.Died(event.message || "the worker can't be started"));
      made.postMessage({start: files});
    });
    made.onmessage = ({data}) => hear(data);
    made.onmessageerror = () => end(new pagework.Died("what it said can't be read"));
    made.onerror = (event) => { event.preventDefault(); end(new pagework.Died(event.message || "the worker ended")); };
    last = Date.now();
  }

  async function hear(data) {
    last = Date.now();
    if (data.pong) { pong?.(); return; }
    const job = current;
    if (!job || data.id !== job.id) return;
    if ("out" in data) job.ask.out?.(data.out);
    else if ("report" in data) job.ask.report?.(JSON.parse(data.report));
    else if (data.began) job.ask.say?.("Running…");
    else if (data.died) end(new pagework.Died(data.died));
    else if ("done" in data) { current = null; job.resolve(JSON.parse(data.done)); }
    else if (data.need) await bring(data.need, job);
  }

  /** Load what a request waits for, and hand it over. */
  async function bring(names, job) {
    const mine = worker;
    try {
      const what = names.includes("pytest") ? "pytest" : "the spec and Hypothesis";
      const files = await loaded(await pagework.bundles.named(names), job.ask.say || (() => {}), what);
      if (mine === worker) worker.postMessage({files, id: job.id});
    } catch (error) {
      if (current !== job) return;
      current = null;
      mine.postMessage({files: null, id: job.id});
      job.reject(error);
    }
  }

  /** Python is gone, and all that it knew. */
  function end(why) {
    generation++;
    const job = current;
    const old = worker;
    current = worker = ready = null;
    old?.terminate();
    abandon?.(why);
    job?.reject(why);
    ended.forEach((listener) => listener(why));
  }

  /** A laptop may have slept, and the browser may have dropped the worker: nobody tells the page. */
  async function awake() {
    if (!worker || Date.now() - last < AWAKE) return;
    const answered = await new Promise((resolve) => {
      pong = () => resolve(true);
      setTimeout(resolve, AWAKE, false);
      worker.postMessage({ping: true});
    });
    if (answered) return;
    const why = new pagework.Died("It doesn't answer any more");
    end(why);
    throw why;
  }

  let ids = 0;

  async function carryOut(request, ask, born) {
    if (born !== generation) throw new pagework.Stopped();
    await awake();
    await begin(ask.say || (() => {}));
    if (ready === null) throw new pagework.Stopped();
    ask.say?.("Running…");
    ask.began?.();
    return new Promise((resolve, reject) => {
      current = {id: ++ids, ask, resolve, reject};
      worker.postMessage({run: JSON.stringify(request), id: ids});
    });
  }

  return {
    run(request, ask = {}) {
      const born = generation;
      if (waiting++) ask.say?.("Waiting for what runs already…");
      const result = queue.then(() => carryOut(request, ask, born));
      queue = result.catch(() => {}).then(() => { waiting--; });
      return result;
    },
    stop() { if (ready || waiting) end(new pagework.Stopped()); },
    onend(listener) { ended.push(listener); },
    get started() { return worker !== null; },
  };
})();
