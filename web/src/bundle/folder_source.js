import { SparkTTSError, messageOf } from "../errors.js";
import { MANIFEST_NAME } from "./manifest.js";

/** Files of a folder; Node.js only. */
export class FolderSource {
  /** @param {string} where */
  constructor(where) {
    this.where = where.replace(/(?<=.)[/\\]+$/, "");
  }

  /** @returns {Promise<string | null>} the manifest, null where there is none */
  async manifest() {
    const { readFile, stat } = await import("node:fs/promises");
    const folder = await stat(this.where).catch(() => null);
    if (!folder?.isDirectory()) throw new SparkTTSError(`there is no folder ${this.where}: expected a bundle made by convert_to_onnx.py`);
    return readFile(this.path(MANIFEST_NAME), "utf8").catch((error) => {
      if (error.code === "ENOENT") return null;
      throw new SparkTTSError(`${this.path(MANIFEST_NAME)} cannot be read: ${messageOf(error)}`, { cause: error });
    });
  }

  /** @param {import("./manifest.js").FileEntry} entry */
  async read(entry) {
    const { readFile } = await import("node:fs/promises");
    try {
      return new Uint8Array(await readFile(this.path(entry.name)));
    } catch (error) {
      throw new SparkTTSError(`the bundle ${this.where} lacks ${entry.name} or it cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** @param {string} name */
  path(name) {
    return `${this.where}/${name}`;
  }

  /** @param {string} name */
  inside(name) {
    return new FolderSource(this.path(name));
  }
}
