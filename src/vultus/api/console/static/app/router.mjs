// The address within the console, in its fragment: #/people/anna-1?tab=photos is
// {page: "people", rest: ["anna-1"], query: URLSearchParams}.
import { store } from "./store.mjs";

export const route = store(read());
addEventListener("hashchange", () => route.set(read()));

function read() {
  const [path, query] = /^#\/(.*)/.exec(location.hash)?.[1].split("?") ?? [""]; // another fragment is no page
  const [page, ...rest] = path.split("/").map(decoded);
  return { page, rest, query: new URLSearchParams(query) };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

// link("people", "anna/1") is "#/people/anna%2F1".
export const link = (...segments) => `#/${segments.map(encodeURIComponent).join("/")}`;
export const go = (...segments) => (location.hash = link(...segments));

// The address of what the page shows now, in place of the one it came by: no step back leads to it.
export function replaceAddress(address) {
  history.replaceState(null, "", address);
  route.set(read());
}
