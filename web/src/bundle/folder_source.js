import { readFile, stat } from "node:fs/promises";
import { SparkTTSError, messageOf } from "../errors.js";
import { MANIFEST_NAME } from "./manifest.js";

/** Files of a folder; Node.js only. */
export class FolderSource {
  /** @param {string} where */
  constructor(where) {
    this.where = where;
  }

  /** The manifest's text, null where there is none. */
  async manifest() {
    const folder = await stat(this.where).catch(() => null);
    if (!folder?.isDirectory()) throw new SparkTTSError(`there is no folder ${this.where}: expected a bundle made by convert_to_onnx.py`);
    try {
      return { text: await readFile(this.path(MANIFEST_NAME), "utf8") };
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return null;
      throw new SparkTTSError(`${this.path(MANIFEST_NAME)} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** @param {import("./manifest.js").FileEntry} entry */
  async read(entry) {
    try {
      return { data: new Uint8Array(await readFile(this.path(entry.name))) };
    } catch (error) {
      throw new SparkTTSError(`the bundle ${this.where} lacks ${entry.name} or it cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** @param {string} name */
  path(name) {
    return `${this.where}/${name}`;
  }
}
