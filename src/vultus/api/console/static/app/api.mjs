// Calls of the public API, with the key in a header. A failure is a Problem: its code, sentence and request id.
import { currentKey } from "./key.mjs";

const LARGE_BYTES = 10 * 2 ** 20;
let refused = () => {};
// follow(problem) is told of each 401: the key was revoked, rotated or is over while the page is open.
export const whenKeyIsRefused = (follow) => (refused = follow);

export class Problem extends Error {
  constructor(status, code, detail, requestId = null, retryAfter = null) {
    super(detail);
    Object.assign(this, { status, code, detail, requestId, retryAfter });
  }
}

// address`collections/${name}/subjects/${id}`: each value is one segment, whatever characters it has.
export const address = (fixed, ...values) =>
  fixed.reduce((path, part, i) => path + encodeURIComponent(values[i - 1]) + part);

// Answers are JSON. query, json, form: plain objects; undefined and null values are left out, lists are sent one by one.
export const get = (path, query, options) => ask("GET", path, { query, ...options });
export const post = (path, json, options) => ask("POST", path, { json, ...options });
export const patch = (path, json, options) => ask("PATCH", path, { json, ...options });
export const put = (path, json, options) => ask("PUT", path, { json, ...options });
export const erase = (path, options) => ask("DELETE", path, { ...options });
export const postForm = (path, form, options) => ask("POST", path, { form, ...options });
export const getBlob = (path, query, options) => ask("GET", path, { query, as: "blob", ...options });

export async function ask(method, path, { query, json, form, as = "json", signal, key = currentKey() } = {}) {
  const headers = key ? { "x-api-key": key } : {};
  let body;
  if (json !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(json);
  } else if (form) {
    body = new FormData();
    for (const [name, value] of pairs(form)) body.append(name, value);
  }
  const url = new URL(path, document.baseURI);
  for (const [name, value] of pairs(query ?? {})) url.searchParams.append(name, value);
  const answer = await reached(url, { method, headers, body, signal, credentials: "omit" });
  if (answer.ok) return answer.status === 204 ? null : answer[as]();
  const problem = await problemOf(answer);
  if (problem.status === 401) refused(problem);
  throw problem;
}

async function reached(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // A server that refuses a large body may answer, and close, before it has been sent: browsers say no more than this.
    throw new Problem(0, bytesOf(options.body) > LARGE_BYTES ? "request_too_large" : "unreachable", String(error.message));
  }
}

const bytesOf = (body) =>
  body instanceof FormData ? [...body.values()].reduce((bytes, one) => bytes + (one.size ?? 0), 0) : 0;

async function problemOf(answer) {
  const said = await answer.json().catch(() => ({}));
  const wait = Number(answer.headers.get("retry-after")) || null;
  return new Problem(
    answer.status,
    said.error ?? "unexpected",
    said.detail ?? `${answer.status} ${answer.statusText}`,
    said.request_id ?? answer.headers.get("x-request-id"),
    wait,
  );
}

function* pairs(values) {
  for (const [name, value] of Object.entries(values))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) yield [name, one];
}
