import { SparkTTSError } from "../errors.js";
import { MANIFEST_NAME, parseManifest } from "./manifest.js";
import { UrlSource } from "./url_source.js";

/**
 * @import { FileEntry, Manifest } from "./manifest.js"
 * @typedef {{file: string, loaded: number, total: number}} Progress bytes of a file that is being fetched
 * @typedef {{onProgress?: (progress: Progress) => void, onWarning?: (text: string) => void, cache?: boolean}} Loading
 * @typedef {() => Promise<void>} Keep what was found to be right for the next time
 * @typedef {{where: string, path(name: string): string | null, manifest(): Promise<{text: string, keep?: Keep} | null>,
 *   read(entry: FileEntry): Promise<{data: Uint8Array<ArrayBuffer>, keep?: Keep}>}} Source where files come from
 */

/** A bundle whose files are compared with the manifest when they are used. */
export class Bundle {
  /** @param {Source} source @param {Manifest} manifest */
  constructor(source, manifest) {
    this.source = source;
    this.manifest = manifest;
    /** @type {Map<string, ReturnType<Bundle["graph"]>>} */
    this.fetched = new Map();
  }

  /**
   * @param {string} where folder or URL of a bundle, or of a folder with bundles by precision
   * @param {Loading & {precision?: string}} [options]
   */
  static async open(where, { precision, ...options } = {}) {
    const isUrl = /^[a-z][a-z0-9+.-]+:\/\//i.test(where);
    const Source = isUrl ? UrlSource : (await import("./folder_source.js")).FolderSource;
    /** @type {Source} */
    let source = new Source(where.replace(/(?<=.)[/\\]+$/, ""), options);
    let found = await source.manifest();
    if (!found && precision) {
      source = new Source(`${source.where}/${precision}`, options);
      found = await source.manifest();
    }
    if (!found)
      throw new SparkTTSError(`${source.where} has no ${MANIFEST_NAME}: expected a bundle made by convert_to_onnx.py; ` +
        "of a checkpoint that was converted, give its folder onnx, of a folder with several bundles say which precision");
    const manifest = parseManifest(found.text, source.where), actual = manifest.graphs.language_model?.precision;
    await found.keep?.();
    if (precision && actual !== precision)
      throw new SparkTTSError(`the bundle ${where} is in ${actual}, not ${precision}: leave precision out, or convert with it`);
    return new Bundle(source, manifest);
  }

  /** The verified bytes of a file. @param {FileEntry} entry */
  async read(entry) {
    const { data, keep } = await this.source.read(entry);
    if (!globalThis.crypto?.subtle)
      throw new SparkTTSError("the page has no crypto.subtle, which checks the model's files: serve it over HTTPS or from localhost");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== entry.sha256)
      throw new SparkTTSError(`${this.source.where}/${entry.name} was altered: its SHA-256 is ${found.slice(0, 12)}…, ` +
        `the manifest says ${entry.sha256.slice(0, 12)}…; convert the checkpoint again`);
    await keep?.();
    return data;
  }

  /**
   * What ONNX Runtime loads a graph from: its path where there is one, else its bytes; checked.
   * @param {string} name
   * @returns {Promise<{model: string | Uint8Array, externalData: {path: string, data: Uint8Array}[]}>}
   */
  async graph(name) {
    const fetched = this.fetched.get(name);
    this.fetched.delete(name);
    if (fetched) return fetched;
    const entry = this.manifest.graphs[name];
    if (!entry) throw new SparkTTSError(`the bundle ${this.source.where} has no graph ${name}: convert the checkpoint with all graphs`);
    const [model, ...external] = await Promise.all(entry.files.map((file) => this.read(file)));
    const path = this.source.path(entry.files[0].name);
    if (path) return { model: path, externalData: [] };
    return { model, externalData: external.map((data, i) => ({ path: entry.files[i + 1].name, data })) };
  }

  /** @param {string} name a graph that will be asked for: its files are fetched now */
  prefetch(name) {
    const fetched = this.graph(name);
    fetched.catch(() => {}); // whoever asks for the graph hears of it
    this.fetched.set(name, fetched);
  }
}
