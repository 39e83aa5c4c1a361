/** What a caller can do something about: the message says what was wrong, what was found, what to do. */
export class SparkTTSError extends Error {
  /**
   * @param {string} message
   * @param {{cause?: unknown}} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = "SparkTTSError";
  }
}

/**
 * @param {unknown} error
 * @returns {string} its message
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
