// @ts-nocheck: a service worker has other globals
// Keeps the page and ONNX Runtime for use without a network, and isolates the page so that threads work on any host.
// The model is not kept here: the host keeps its files, checked, in a cache of its own.

const NAME = "spark-tts-onnx-page";
const HEADERS = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (request.method === "GET" && origin === location.origin && !/\.(onnx|data)$|manifest\.json$|tokenizer\.json$/.test(pathname))
    event.respondWith(answer(request));
});

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(NAME);
  try {
    const response = await fetch(request);
    if (response.status !== 200) return response;
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
    const isolated = new Response(response.body, { headers });
    await cache.put(request, isolated.clone()).catch(() => {});
    return isolated;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
