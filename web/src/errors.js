/** What a caller can do something about: the message says what was wrong, what was found, what to do. */
export class SparkTTSError extends Error {
  name = "SparkTTSError";
}

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
