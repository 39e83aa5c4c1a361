import { SparkTTSError, messageOf } from "../errors.js";
import { MANIFEST_NAME } from "./manifest.js";

const CACHE_NAME = "spark-tts-onnx";

/**
 * @import { Loading } from "./bundle.js"
 * @import { FileEntry } from "./manifest.js"
 */

/** Files behind a URL, kept in the browser's Cache storage where there is one. */
export class UrlSource {
  /** @param {string} where @param {Loading} options */
  constructor(where, options) {
    this.where = where;
    this.options = options;
  }

  /** The manifest's text, null where there is none; the kept one where the network does not answer. */
  async manifest() {
    const url = `${this.where}/${MANIFEST_NAME}`;
    const cache = await this.cache();
    try {
      const response = await fetch(url, { cache: "no-cache" });
      if (response.status === 404) return null;
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      const text = await response.text();
      return { text, keep: () => this.keep(cache, url, text) };
    } catch (error) {
      const kept = await cache?.match(url);
      if (kept) return { text: await kept.text() };
      throw new SparkTTSError(`${url} cannot be fetched: ${messageOf(error)}`, { cause: error });
    }
  }

  /** @param {FileEntry} entry */
  async read(entry) {
    // The SHA-256 is part of the key: another version of the bundle is another file.
    const url = `${this.where}/${encodeURIComponent(entry.name)}`, key = `${url}?sha256=${entry.sha256}`;
    const cache = await this.cache();
    const kept = await cache?.match(key);
    if (kept) return { data: new Uint8Array(await kept.arrayBuffer()) };
    const data = await this.fetch(url, entry);
    return { data, keep: () => this.keep(cache, key, data) };
  }

  path() {
    return null;
  }

  /** @param {string} url @param {FileEntry} entry */
  async fetch(url, entry) {
    const data = new Uint8Array(entry.bytes);
    let loaded = 0;
    try {
      const response = await fetch(url);
      if (!response.ok || !response.body) throw new Error(`${response.status} ${response.statusText}`);
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        if (loaded + part.value.length > entry.bytes) throw new Error(`it has more than the ${entry.bytes} bytes of the manifest`);
        data.set(part.value, loaded);
        loaded += part.value.length;
        this.options.onProgress?.({ file: entry.name, loaded, total: entry.bytes });
      }
      if (loaded < entry.bytes) throw new Error(`it has ${loaded} bytes, the manifest says ${entry.bytes}`);
    } catch (error) {
      throw new SparkTTSError(`${url} cannot be fetched: ${messageOf(error)}`, { cause: error });
    }
    return data;
  }

  /** @returns {Promise<Cache | null>} */
  async cache() {
    if (this.options.cache === false || !globalThis.caches) return null;
    return caches.open(CACHE_NAME).catch((error) => this.warn(error));
  }

  /** @param {Cache | null} cache @param {string} key @param {string | Uint8Array<ArrayBuffer>} data */
  async keep(cache, key, data) {
    await cache?.put(key, new Response(data)).catch((error) => this.warn(error));
  }

  /** @param {unknown} error @returns {null} */
  warn(error) {
    this.options.onWarning?.(`the browser does not keep the model (${messageOf(error)}): it will be fetched again the next time`);
    return null;
  }
}
