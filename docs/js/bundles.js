/* Bundles: files that were packed into scripts when the site was built (docs/machinery/pagework/runtime.py).

   A page that lies on a disk may load nothing but scripts. So a bundle comes as several of them, each with a
   piece in base64, and is put together here: once, when it is asked for.

     pagework.bundles.load(names, progress)   gives [{name, kind, bytes}], and tells how far it is
     pagework.bundles.size(names)             how many bytes that will fetch */
"use strict";
self.pagework = self.pagework || {};

/** Something that the site was built without. */
pagework.Missing = class extends Error {};

pagework.bundles = (() => {
  const base = new URL("../assets/py/", document.currentScript.src);
  const pieces = new Map(); // bundle -> its pieces, as far as they have come
  const loaded = new Map(); // bundle -> promise of its files
  let said = null; // the manifest
  let asked = null; // promise of it

  function script(name) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = new URL(name, base).href;
      element.onload = () => { element.remove(); resolve(); };
      element.onerror = () => { element.remove(); reject(new pagework.Missing(`${name} can't be loaded`)); };
      document.head.append(element);
    });
  }

  function decoded(text) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  async function unzipped(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function described() {
    if (!said) {
      asked = asked || script("manifest.js");
      try {
        await asked;
      } catch {
        asked = null; // the next press tries again
        throw new pagework.Missing("this copy of the site was built without it");
      }
    }
    if (said.missing) throw new pagework.Missing(said.missing);
    return said.bundles;
  }

  async function fetched(name, progress) {
    const bundle = (await described())[name];
    if (!bundle) throw new pagework.Missing(`there is no bundle ${name}`);
    const parts = [];
    pieces.set(name, parts);
    // One after the other, so that progress means something and a slow line isn't crowded.
    for (const each of bundle.scripts) {
      await script(each);
      progress(bundle.bytes / bundle.scripts.length);
    }
    pieces.delete(name);
    const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
    return Promise.all(bundle.files.map(async ({name: file, kind, gzip, start, bytes}) => {
      const part = whole.subarray(start, start + bytes);
      return {name: file, kind, bytes: gzip ? await unzipped(part) : part.slice()};
    }));
  }

  return {
    manifest(content) { said = content; },

    take(name, number, text) {
      const parts = pieces.get(name);
      if (parts) parts[number] = decoded(text);
    },

    /** Which bundles are meant; `cases` stands for every bundle of cases. */
    async named(names) {
      const bundles = await described();
      const all = Object.keys(bundles).filter((name) => name.startsWith("cases-"));
      const wanted = names.flatMap((name) => (name === "cases" ? all : [name]));
      // A profile may have no frozen cases at all, and so no bundle.
      return [...new Set(wanted)].filter((name) => name in bundles);
    },

    async size(names) {
      const bundles = await described();
      return names.filter((name) => !loaded.has(name)).reduce((sum, name) => sum + bundles[name].bytes, 0);
    },

    async load(names, progress = () => {}) {
      const files = [];
      for (const name of names) {
        if (!loaded.has(name)) {
          const promise = fetched(name, progress);
          loaded.set(name, promise);
          promise.catch(() => loaded.delete(name));
        }
        files.push(...(await loaded.get(name)));
      }
      return files;
    },
  };
})();
